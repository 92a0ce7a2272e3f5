import t from 'tap'
import { mqttTo, startedHub } from '../started-hub.ts'

const base = 'nodes/bridge/0'

t.test('what has been on for long enough is turned off by the hub', async (t) => {
  const hub = await startedHub(t, { commands: { rules: [{ kind: 'led', autoOffSeconds: 0.05 }] } })
  const node = await mqttTo(t, hub, { filter: [`${base}/led/+/set`, '$SYS/hub/commands/#'] })
  await node.client.publishAsync(`${base}/led/-`, '{"state":"on"}', { qos: 1 })
  const off = await node.on(`${base}/led/-/set`)
  t.same(JSON.parse(String(off.payload)), { state: 'off' })
  const life = await node.on(`$SYS/hub/commands/${base}/led/-`)
  t.match(JSON.parse(String(life.payload)), { receipt: 'sent', by: 'hub', way: 'auto-off' })
})

t.test('what reports a bare word is turned off by one', async (t) => {
  const hub = await startedHub(t, {
    commands: { rules: [{ kind: 'relay', autoOffSeconds: 0.05 }] },
  })
  const node = await mqttTo(t, hub, { filter: 'espurna/relay/0/set' })
  await node.client.publishAsync('espurna/relay/0', 'ON', { qos: 1 })
  t.equal(String((await node.on('espurna/relay/0/set')).payload), 'OFF')
})
