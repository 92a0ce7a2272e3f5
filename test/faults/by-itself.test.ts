import t from 'tap'
import { ask } from '../dialects/asked-json.ts'
import { base, relay } from '../shown-states.ts'
import { mqttTo, startedHub } from '../started-hub.ts'

const headers = { Authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}` }

t.test(
  'F41: a relay that somebody switches by hand is told to have changed by itself',
  async (t) => {
    const hub = await startedHub(t)
    const watcher = await mqttTo(t, hub, { filter: '$SYS/hub/commands/#' })
    const { client } = await mqttTo(t, hub)
    const report = (value: object) =>
      client.publishAsync(relay, JSON.stringify(value), { qos: 1, retain: true })
    await report({ state: false })
    await report({ state: false })
    await report({ state: true, source: 'button' })
    t.match(JSON.parse(String((await watcher.messages.next()).payload)), {
      receipt: 'by-itself',
      reported: { state: true },
      source: 'button',
    })
    const body = { device: relay, payload: { state: false } }
    const asked = ask(hub.httpPort, ['POST', '/api/command'], { body, headers })
    await watcher.messages.next(({ payload }) => String(payload).includes('"sent"'))
    await report({ state: false })
    t.equal((await asked).status, 200)
    const { commands } = (await ask(hub.httpPort, ['GET', '/api/commands'], { headers })).body
    t.match(commands, [
      { user: 'clown', way: 'http', receipt: 'confirmed' },
      { user: 'itself', way: 'button', device: relay, receipt: 'by-itself' },
    ])
    t.equal(commands.length, 2)
  },
)

t.test('F41: a relay that says off while power flows is told to have power still', async (t) => {
  const meter = `${base}/power-meter/-`
  const proof = { topic: meter, quantity: 'power', above: 5, withinSeconds: 0.2 }
  const hub = await startedHub(t, { commands: { rules: [{ topic: relay, proof }] } })
  const node = await mqttTo(t, hub, { filter: `${relay}/set` })
  node.client.on('message', (topic, payload) => {
    node.client.publish(topic.replace(/\/set$/, ''), payload)
  })
  const watcher = await mqttTo(t, hub, { filter: `${relay}/error` })
  await node.client.publishAsync(relay, '{"state":true}', { qos: 1 })
  await node.client.publishAsync(meter, '{"power":[85,"W"]}', { qos: 1 })
  const body = { device: relay, payload: { state: false } }
  const { status } = await ask(hub.httpPort, ['POST', '/api/command'], { body, headers })
  t.equal(status, 200, 'confirmed is the word of the device')
  const told = await watcher.messages.next()
  t.match(JSON.parse(String(told.payload)), { code: 'still-has-power', message: /got 85$/ })
  t.equal(hub.counters()['still-has-power'], 1)
})
