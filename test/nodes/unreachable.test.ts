import t from 'tap'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'

const base = 'nodes/bridge/0'
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  bridge: { password: 'three', role: 'node', base },
} as const
const bridge = { username: 'bridge', password: 'three' }
const offline = {
  code: 'node-offline',
  message: 'expected the node "nodes/bridge/0" online, it is not',
}

t.test(
  'whoever watches the relay of a node hears when nobody knows its state any more',
  async (t) => {
    const hub = await startedHub(t, { users })
    const node = await mqttTo(t, hub, bridge)
    await node.client.publishAsync(`${base}/relay/1`, '{"state":true}', { qos: 1, retain: true })
    await node.client.publishAsync(`${base}/pir/-`, '{"event-count":1}', { qos: 1 })
    const page = await talkTo(t, hub)
    page.send('clown.talk/-/config/set', {})
    await page.on('relay/1')
    await node.client.endAsync()
    t.same(await page.on('relay/1/error'), ['relay/1/error', offline])

    const late = await talkTo(t, hub)
    late.send('clown.talk/-/config/set', {})
    await late.on('relay/1/error')
    t.same(
      (await late.settle()).slice(1),
      [
        ['pir/-', { 'event-count': 1 }],
        ['relay/1', { state: true }],
        ['relay/1/error', offline],
      ],
      'who comes later is told with the last report, of actuators only',
    )

    await mqttTo(t, hub, bridge)
    const back = await talkTo(t, hub)
    back.send('clown.talk/-/config/set', {})
    await back.on('relay/1')
    t.equal((await back.settle()).length, 3, 'no error once its node is back')
  },
)
