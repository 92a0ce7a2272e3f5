import t, { type Test } from 'tap'
import { type MqttEnd, mqttTo, type StartedHub, startedHub } from '../started-hub.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  gardener: {
    password: 'bigclown',
    rules: [{ allow: ['read'], topic: 'garden/+/pump/0' }],
  },
  stranger: { password: 'bigclown', rules: [] },
  'hall-node': { password: 'bigclown', role: 'node', base: 'house/hall' },
} as const

async function ask(hub: StartedHub, path: string, user = 'clown') {
  const authorization = `Basic ${Buffer.from(`${user}:bigclown`).toString('base64')}`
  const url = `http://127.0.0.1:${hub.httpPort}/api/nodes${path}`
  const response = await fetch(url, { headers: user === '' ? {} : { authorization } })
  const body = await response.text()
  return {
    status: response.status,
    body: response.ok || response.status === 404 ? JSON.parse(body) : body,
  }
}

/** Publishes, and waits until the hub has acknowledged. */
function say({ client }: MqttEnd, topic: string, value: unknown) {
  return client.publishAsync(topic, JSON.stringify(value), { qos: 1 })
}

async function gardenHub(t: Test) {
  const hub = await startedHub(t, { users })
  const node = await mqttTo(t, hub)
  await say(node, 'garden/west/pump/0', { state: true })
  await say(node, 'garden/west/thermometer/0', { temperature: [20, '℃'] })
  await say(node, 'garden/east/boot', { 'firmware-release': '1.0', capabilities: 1 })
  await node.client.publishAsync('garden/east/camera/0', Buffer.from([0xff, 0xd8]), { qos: 1 })
  return { hub, node }
}

t.test('all nodes and devices are told, with their last values', async (t) => {
  const { hub } = await gardenHub(t)
  const { status, body } = await ask(hub, '')
  t.equal(status, 200)
  t.match(body, {
    nodes: [
      {
        base: 'garden/east',
        online: true,
        firmware: '1.0',
        capabilities: 1,
        devices: [
          { name: 'boot', role: 'notification', value: null, stale: false },
          { name: 'camera/0', value: '/9g=', encoding: 'base64' },
        ],
      },
      {
        base: 'garden/west',
        online: true,
        lastSeen: /^20\d\d-\d\d-\d\dT.*Z$/,
        devices: [
          {
            name: 'pump/0',
            topic: 'garden/west/pump/0',
            kind: 'pump',
            role: 'sensor',
            value: { state: true },
            at: /Z$/,
            stale: false,
          },
          { name: 'thermometer/0', value: { temperature: [20, '℃'] } },
        ],
      },
      { base: 'house/hall', online: false, lastSeen: null, devices: [] },
    ],
  })
})

t.test('one node is told by its base, percent-encoded or not', async (t) => {
  const { hub, node } = await gardenHub(t)
  for (const path of ['/garden/west', '/garden%2Fwest', '/g%61rden/west']) {
    t.match(await ask(hub, path), { status: 200, body: { base: 'garden/west' } }, path)
  }
  await say(node, 'lonely', 1)
  await say(node, '/devices/x/', 1)
  const lonely = { status: 200, body: { base: 'lonely', devices: [{ name: 'lonely' }] } }
  t.match(await ask(hub, '/lonely'), lonely)
  for (const path of ['//devices', '/%2Fdevices']) {
    const body = { base: '/devices', devices: [{ name: 'x/', topic: '/devices/x/' }] }
    t.match(await ask(hub, path), { status: 200, body }, path)
  }
  for (const path of ['/', '/garden', '/%', '/garden/west/']) {
    t.match(await ask(hub, path), { status: 404, body: { code: 'unknown-node' } }, path)
  }
})

t.test('everybody is told of what they may read, and of no other node', async (t) => {
  const { hub } = await gardenHub(t)
  const west = { base: 'garden/west', devices: [{ name: 'pump/0' }] }
  const { body } = await ask(hub, '', 'gardener')
  t.match(body, { nodes: [west] })
  t.equal(body.nodes.length, 1)
  t.equal(body.nodes[0].devices.length, 1)
  t.match(await ask(hub, '/garden/west', 'gardener'), { body: west })
  t.equal((await ask(hub, '/garden/east', 'gardener')).status, 404)
  t.equal((await ask(hub, '/house/hall', 'gardener')).status, 404)
  t.same((await ask(hub, '', 'stranger')).body, { nodes: [] })
  for (const path of ['', '/garden/west']) t.equal((await ask(hub, path, '')).status, 401)
  const url = `http://127.0.0.1:${hub.httpPort}/api/nodesxyz`
  t.equal((await fetch(url)).status, 404)
})

t.test('a node that signs in is online until its connection ends', async (t) => {
  const hub = await startedHub(t, { users })
  const watcher = await mqttTo(t, hub, { filter: '$SYS/hub/nodes/#' })
  const online = async () => JSON.parse(String((await watcher.messages.next()).payload)).online
  t.equal(await online(), false)
  const node = await mqttTo(t, hub, { username: 'hall-node' })
  t.equal(await online(), true)
  t.match(await ask(hub, '/house/hall'), { body: { online: true } })
  node.client.stream.destroy()
  await node.closed
  t.equal(await online(), false)
})

t.test('a node that is silent and an actuator that nobody knows are told as that', async (t) => {
  const hub = await startedHub(t, { users, limits: { mqtt: { keepAliveSeconds: 1 } } })
  const watcher = await mqttTo(t, hub, { filter: '$SYS/hub/nodes/#' })
  const { client } = await mqttTo(t, hub, { username: 'hall-node', keepalive: 0 })
  await client.publishAsync('house/hall/relay/-', '{"state":true}', { qos: 1 })
  const told = (part: string) =>
    watcher.messages.next(({ payload }) => String(payload).includes(part))
  await told('"stale":true')
  t.match(await ask(hub, '/house/hall'), { body: { online: true, stale: true } })
  await client.publishAsync('house/hall/boot', '{}', { qos: 1 })
  await told('"known":false')
  t.match(await ask(hub, '/house/hall'), {
    body: {
      devices: [
        { kind: 'boot' },
        { value: null, known: false, lastValue: { state: true }, stale: true },
      ],
    },
  })
  await watcher.client.publishAsync('house/hall/relay/-', '{"state":false}', { qos: 1 })
  t.match(await ask(hub, '/house/hall'), { body: { devices: [{}, { toldBy: 'clown' }] } })
})

t.test('operators are told of clients that are in each other’s way', async (t) => {
  const hub = await startedHub(t, { users })
  for (let at = 0; at < 4; at++) await mqttTo(t, hub, { clientId: 'twin' })
  const url = `http://127.0.0.1:${hub.httpPort}/api/conflicts`
  const headers = { authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}` }
  const { conflicts } = JSON.parse(await (await fetch(url, { headers })).text())
  t.match(conflicts, [{ kind: 'client-id', name: 'clown:twin', count: 1 }])
})

t.test('many devices are told in pieces', async (t) => {
  const hub = await startedHub(t, { users })
  const node = await mqttTo(t, hub)
  const names = Array.from({ length: 600 }, (_, at) => `many/${at % 2}/sensor/${at}`)
  await Promise.all(names.map((name) => say(node, name, 1)))
  const { body } = await ask(hub, '')
  t.same(
    body.nodes.map(({ devices }: { devices: [] }) => devices.length),
    [0, 300, 300],
  )
})
