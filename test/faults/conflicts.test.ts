import t from 'tap'
import { ask } from '../dialects/asked-json.ts'
import { allDialects, base, relay, shows } from '../shown-states.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'

const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
const clown = { password: 'bigclown', role: 'admin' } as const
const bridge = { password: 'three', role: 'node', base } as const

async function asked({ httpPort }: StartedHub, path: string) {
  return (await ask(httpPort, ['GET', path], { headers: { authorization } })).body
}

t.test('F40: two clients with one id that fight are counted, logged and shown', async (t) => {
  const hub = await startedHub(t)
  for (let at = 0; at < 5; at++) {
    const { client } = await mqttTo(t, hub, { clientId: 'twin' })
    // Each goes on as soon as it has lost its place.
    client.on('error', () => {})
  }
  const { conflicts } = await asked(hub, '/api/conflicts')
  t.match(conflicts, [{ kind: 'client-id', name: 'clown:twin', count: 2 }])
  t.equal(hub.counters()['conflict-client-id'], 2)
  t.equal(hub.log.items.filter(({ kind }) => kind === 'conflict-client-id').length, 1)
})

t.test('F40: two nodes of one base are counted, logged and shown', async (t) => {
  const hub = await startedHub(t)
  const [one, other] = [
    await mqttTo(t, hub, { clientId: 'one' }),
    await mqttTo(t, hub, { clientId: 'other' }),
  ]
  for (const { client } of [one, other, one]) {
    await client.publishAsync(relay, '{"state":true}', { qos: 1 })
  }
  const { conflicts } = await asked(hub, '/api/conflicts')
  const clients = ['clown:one', 'clown:other']
  t.match(conflicts, [{ kind: 'base', name: base, clients, count: 1 }])
  t.equal(hub.log.items.filter(({ kind }) => kind === 'conflict-base').length, 1)
})

t.test(
  'F40: what an operator says in place of a node is shown as that, and as no state',
  async (t) => {
    const hub = await startedHub(t, { users: { clown, bridge }, dialects: allDialects })
    const node = await mqttTo(t, hub, { username: 'bridge', password: 'three' })
    await node.client.publishAsync(relay, '{"state":false}', { qos: 1 })
    await node.client.publishAsync(`${base}/thermometer/-`, '{"temperature":[20,"℃"]}', { qos: 1 })
    await shows(t, { hub, why: 'as it reported' }, false)
    const { client } = await mqttTo(t, hub)
    await client.publishAsync(relay, '{"state":true}', { qos: 1 })
    await client.publishAsync(`${base}/thermometer/-`, '{"temperature":[99,"℃"]}', { qos: 1 })
    await shows(t, { hub, why: 'as nobody knows' }, undefined)
    t.match(await asked(hub, `/api/nodes/${base}`), {
      devices: [
        { name: 'relay/i2c0-3b', value: null, lastValue: { state: true }, toldBy: 'clown' },
        { name: 'thermometer/-', value: { temperature: [99, '℃'] }, toldBy: 'clown' },
      ],
    })
    t.same((await asked(hub, '/api/conflicts')).conflicts, [], 'nor is that another node')
    await node.client.publishAsync(relay, '{"state":false}', { qos: 1 })
    await shows(t, { hub, why: 'as it reported' }, false)
  },
)
