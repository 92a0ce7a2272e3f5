import { createServer } from 'node:http'
import t from 'tap'
import { systemClock } from '../../src/core/clock.ts'
import { clownTalk } from '../../src/upstreams/clown-talk.ts'
import { testCertificate } from '../certificates.ts'
import { startedHouse } from '../dialects/house.ts'
import { freePort } from '../programs.ts'
import { startNode } from '../simulator/started-node.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { bringsIn } from './contract.ts'
import { outcome, secretFile, startedDialling } from './dialled-hub.ts'
import { startedFarSide } from './far-side.ts'
import { puppetHub } from './puppet-hub.ts'

const passwordFile = secretFile('bigclown')
const signedIn = { dialect: 'clown-talk', user: 'clown', passwordFile } as const
const relay = 'nodes/bridge/0/relay/i2c0-3b'
const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'

t.test('the house of another hub is here as if it were our own', async (t) => {
  const port = await freePort()
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    kit: { password: 'bigclown', role: 'node', base: 'nodes/bridge/0' },
  } as const
  const startFar = () => startedHub(t, { http: { port }, users })
  const first = await startFar()
  const broker = (hub: { mqttPort: number }) => `mqtt://kit:bigclown@127.0.0.1:${hub.mqttPort}`
  const house = await startNode(t, { url: broker(first) })
  const farEnd = await mqttTo(t, first)
  const attic = { ...signedIn, url: `ws://127.0.0.1:${port}/talk` }
  const { hub, ears, status } = await startedDialling(t, { attic })
  const talk = await talkTo(t, hub, '/talk')

  await status(({ state }) => state === 'connected')
  const nodes = await ears.on('$SYS/hub/nodes/upstreams/attic/nodes/bridge/0')
  talk.send('clown.talk/-/config/set', {})
  const [, value] = await talk.on(`upstreams/attic/${thermometer}`)
  t.same(value, { temperature: [20.01, '℃'] })
  t.match(JSON.parse(String(nodes.payload)), { online: true })

  t.same(await outcome(talk, `upstreams/attic/${relay}`, { state: true }), [
    'accepted',
    'sent',
    'confirmed',
  ])
  await farEnd.client.publishAsync(thermometer, '{"temperature":[33.25,"℃"]}')
  await ears.messages.next(
    ({ topic, payload }) =>
      topic === `upstreams/attic/${thermometer}` &&
      String(payload) === '{"temperature":[33.25,"℃"]}',
  )
  await farEnd.client.publishAsync('nodes/bridge/0/lux-meter/new', '{"illuminance":[1,"lux"]}')
  await farEnd.client.publishAsync('nodes/bridge/0/lux-meter/newer', '{"illuminance":[2,"lux"]}')
  await farEnd.client.publishAsync('nodes/bridge/0/lux-meter/new', '{"illuminance":[3,"lux"]}')
  await ears.on('upstreams/attic/nodes/bridge/0/lux-meter/new')

  // The far side refuses what its guard or its devices do not take.
  t.match(await outcome(talk, `upstreams/attic/${relay}`, { pulse: 0 }), ['accepted', 'sent'])
  await house.close()
  const away = ({ payload }: { payload: Buffer }) => String(payload).includes('"online":false')
  await ears.messages.next(away)
  t.match(await outcome(talk, `upstreams/attic/${relay}`, { state: false }), ['node-offline'])

  await first.close()
  t.match(await status(({ state }) => state === 'away'), { reason: /1012/, devices: 12 })
  const second = await startFar()
  await startNode(t, { url: broker(second) })
  await status(({ state }) => state === 'connected')
  await ears.on(`upstreams/attic/${relay}`)
  t.same((await outcome(talk, `upstreams/attic/${relay}`, { state: true })).at(-1), 'confirmed')
  const [answer] = await Promise.all([
    fetch(`http://127.0.0.1:${hub.httpPort}/api/upstreams`, {
      headers: { Authorization: `Basic ${btoa('clown:bigclown')}` },
    }),
  ])
  t.match(await answer.json(), { upstreams: [{ name: 'attic', state: 'connected', devices: 12 }] })
})

t.test('a house is here within its time, as in every language', async (t) => {
  const house = await startedHouse(t, 'tvheadend')
  await bringsIn(t, {
    house,
    settings: { ...signedIn, url: `ws://127.0.0.1:${house.hub.httpPort}/talk` },
    relay: '/relay/i2c0-3b',
    thermometer: '/thermometer/i2c0-48',
    withinMs: 50,
  })
})

t.test('two hubs that dial each other tell each other of their own alone', async (t) => {
  const [one, other] = [await freePort(), await freePort()]
  const dials = (port: number) => ({ ...signedIn, url: `ws://127.0.0.1:${port}/talk` })
  const east = await startedHub(t, { http: { port: one }, upstreams: { west: dials(other) } })
  const west = await startedHub(t, { http: { port: other }, upstreams: { east: dials(one) } })
  const ears = await mqttTo(t, east, { filter: ['$SYS/hub/upstreams/#', '#'] })
  await ears.messages.next(({ payload }) => String(payload).includes('"connected"'))
  const said = await mqttTo(t, west, { filter: '#' })
  await said.client.publishAsync('nodes/w/relay/1', '{"state":true}')
  await ears.on('upstreams/west/nodes/w/relay/1')
  await ears.client.publishAsync('nodes/e/relay/1', '{"state":true}')
  await said.on('upstreams/east/nodes/e/relay/1')
  // What was said here and there has come by: had it gone round, it would have been before this.
  await said.client.publishAsync('nodes/w/relay/1', '{"state":false}')
  await ears.on('upstreams/west/nodes/w/relay/1')
  const topics = [...ears.messages.items, ...said.messages.items].map(({ topic }) => topic)
  t.same(
    topics.filter((topic) => topic.split('upstreams/').length > 2 && !topic.startsWith('$')),
    [],
  )
  t.ok(topics.length < 30)
})

t.test('the original, which has no nodes and no receipts', async (t) => {
  const far = await startedFarSide(t, {
    said: (text, socket) => {
      const [topic, payload] = JSON.parse(text)
      if (topic === 'relay/i2c0-3b/set') socket.send(JSON.stringify(['relay/i2c0-3b', payload]))
      if (topic !== '-/-/config/list') return
      for (const line of [
        '["boot", {"reason-for-reset":"power-on"}]\n# a log line\n\n["relay/i2c0-3b", {"state":false}]',
        '["upstreams/a/relay/b", {"state":false}]',
        '["thermometer/i2c0-48", 21.5]\n["display-oled/-", {"line-0":"a"}]',
      ]) {
        socket.send(line)
      }
    },
  })
  const polite = await startedFarSide(t, {
    opened: (socket) => socket.send('["clown.talk/-/config/ok", {"device":"bridge"}]'),
  })
  const { hub, ears, status } = await startedDialling(t, {
    bridge: { dialect: 'clown-talk', url: `ws://127.0.0.1:${far.port}/` },
    polite: { dialect: 'clown-talk', url: `ws://127.0.0.1:${polite.port}/` },
  })
  await status(({ name, state }) => name === 'polite' && state === 'connected')
  await status(({ name, state }) => name === 'bridge' && state === 'connected')
  await ears.on('upstreams/bridge/-/relay/i2c0-3b')
  const { payload } = await ears.on('upstreams/bridge/-/thermometer/i2c0-48')
  t.equal(String(payload), '{"value":21.5}')
  await ears.on('upstreams/bridge/-/sensor/display-oled%2F-')
  const talk = await talkTo(t, hub, '/talk')
  const last = await outcome(talk, 'upstreams/bridge/-/relay/i2c0-3b', true)
  t.equal(last.at(-1), 'confirmed')
  await far.heard.next((line) => line === '["relay/i2c0-3b/set",{"state":true}]\n')
})

t.test('a hub whose list is half nonsense is read for the other half', async (t) => {
  const told = [
    ...[null, { base: 1 }, { base: 'b' }, { base: 'b', devices: [1, { topic: 5 }] }],
    { base: 'upstreams/x', devices: [{ topic: 'upstreams/x/n/relay/1' }] },
    {
      base: 'b',
      devices: [{ topic: 'b/relay/1', title: 'Lamp', role: 'actuator', value: null }],
    },
  ]
  type Answer = (options: object) => unknown[][]
  const answers: Readonly<Record<string, Answer>> = {
    'clown.talk/-/config/set': () => [['clown.talk/-/config/ok', { device: 'hub' }]],
    '$hub/nodes': (options) => [
      ...told.map((node) => ['$hub/nodes', node, options]),
      ['$hub/nodes/ok', {}, options],
      ['b/-/presence', { stale: true }],
      ['b/-/presence', 1],
      ['b/relay/1/set', {}, 7],
      ['upstreams/x/n/relay/1', {}],
    ],
    'b/relay/1/set': (options) => [
      ['b/relay/1/set', { receipt: 'refused', final: true, message: 'of another' }, { id: 99 }],
      ['b/relay/1/set', { receipt: 'sent' }, options],
      ['b/relay/1/set', { receipt: 'refused', final: true }, options],
    ],
  }
  const far = await startedFarSide(t, {
    said: (text, socket) => {
      const [topic, , options] = JSON.parse(text)
      for (const line of answers[topic]?.(options) ?? []) socket.send(JSON.stringify(line))
    },
  })
  const { hub, ears, status } = await startedDialling(t, {
    odd: { dialect: 'clown-talk', user: 'clown', url: `ws://127.0.0.1:${far.port}/` },
  })
  t.match(await status(({ state }) => state === 'connected'), { devices: 1 })
  const { payload } = await ears.on('$SYS/hub/nodes/upstreams/odd/b')
  t.match(JSON.parse(String(payload)), { devices: [{ title: 'Lamp' }] })
  const talk = await talkTo(t, hub, '/talk')
  const end = await outcome(talk, 'upstreams/odd/b/relay/1', { state: true })
  t.same(end.slice(-2), ['refused', 'it was refused'])
})

t.test('what was known before a restart is away until it is heard of', async (t) => {
  const far = await startedFarSide(t, {})
  const places = [
    { node: 'b/0', kind: 'relay', part: '1' },
    { node: '-', kind: 'sensor', part: 'display-oled/-' },
    { node: 'b', kind: 'thermometer' },
  ] as const
  const { devices, told } = puppetHub(systemClock, places)
  const settings = { dialect: 'clown-talk', url: `ws://127.0.0.1:${far.port}/` } as const
  const dial = clownTalk.open({ name: 'x', settings, devices, clock: systemClock })
  const ids = ['b/0/relay/1', 'display-oled/-', 'b/thermometer/-']
  t.same(
    told.filter(([what]) => what === 'available'),
    ids.map((id) => ['available', id, false]),
  )
  const facts = told.find(([what, id]) => what === 'device' && id === 'b/0/relay/1')?.[2]
  t.type(Object(facts).ask, 'function')
  // Nobody is there: it is lost, as it should be.
  Object(facts).ask({ state: true })()
  await new Promise<void>((resolve) => {
    const end = dial({ connected: resolve, gone: () => {} })
    t.teardown(end)
  })
  t.same(
    told.slice(-3),
    ids.map((id) => ['available', id, true]),
  )
})

t.test('whatever another system does wrong is said in one sentence', async (t) => {
  const says = async (said: string | Buffer | (() => string)) => {
    const far = await startedFarSide(t, {
      opened: (socket) => socket.send(typeof said === 'function' ? said() : said),
    })
    return { dialect: 'clown-talk', url: `ws://127.0.0.1:${far.port}/talk` } as const
  }
  const answers = async (status: number, headers = {}) => {
    const server = createServer().on('upgrade', (_request, socket) => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      // Whoever dials may reset it before the answer has gone out.
      socket.on('error', () => {})
      socket.end(`HTTP/1.1 ${status} So\r\n${lines.join('')}Content-Length: 0\r\n\r\n`)
    })
    const port = await freePort()
    server.listen(port, '127.0.0.1')
    t.teardown(() => server.close())
    return { dialect: 'clown-talk', url: `ws://127.0.0.1:${port}/talk` } as const
  }
  const strange = await startedHub(t)
  const closing = await startedFarSide(t, { opened: (socket) => socket.close(4000, 'go away') })
  const cut = await startedFarSide(t, { opened: (socket) => socket.terminate() })
  const broken = await startedFarSide(t, {
    opened: (socket) =>
      void (socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(
        Buffer.from([0xff, 0xff]),
      ),
  })
  const { certFile, keyFile } = await testCertificate(t)
  const secure = await startedHub(t, { tls: { certFile, keyFile, httpPort: 0, mqttPort: 0 } })
  const cases = {
    stranger: [
      { dialect: 'clown-talk', url: `wss://127.0.0.1:${secure.httpsPort}/talk` },
      'away',
      /expected a certificate that fits "127.0.0.1:\d+", got another/,
    ],
    trusted: [
      {
        dialect: 'clown-talk',
        caFile: certFile,
        url: `wss://127.0.0.1:${secure.httpsPort}/talk`,
      },
      'refused',
      /HTTP 401/,
    ],
    words: [await says('hello'), 'away', /expected \["topic", payload\], got "hello"/],
    object: [await says('{"t":"event"}'), 'away', /got "{\\"t\\":\\"event/],
    short: [await says('["a"]'), 'away', /expected \["topic", payload\]/],
    number: [await says('[1,2]'), 'away', /expected \["topic", payload\]/],
    half: [await says('["a", {"b":'), 'away', /expected \["topic", payload\]/],
    bytes: [await says(Buffer.from([1, 2])), 'away', /expected frames of text/],
    huge: [await says(() => 'x'.repeat(10_000_000)), 'away', /at most 4194304 bytes/],
    broken: [
      { dialect: 'clown-talk', url: `ws://127.0.0.1:${broken.port}/` },
      'away',
      /expected a websocket: Invalid/,
    ],
    closing: [
      { dialect: 'clown-talk', url: `ws://127.0.0.1:${closing.port}/` },
      'away',
      /with 4000: "go away"/,
    ],
    cut: [{ dialect: 'clown-talk', url: `ws://127.0.0.1:${cut.port}/` }, 'away', /with 1006/],
    nobody: [
      { dialect: 'clown-talk', url: `ws://127.0.0.1:${await freePort()}/` },
      'away',
      /nothing listens there/,
    ],
    unknown: [{ dialect: 'clown-talk', url: 'ws://nobody.invalid/' }, 'away', /name/],
    secret: [
      {
        ...signedIn,
        passwordFile: secretFile('wrong'),
        url: `ws://127.0.0.1:${strange.httpPort}/talk`,
      },
      'refused',
      /to be let in, got HTTP 401/,
    ],
    forbidden: [await answers(403), 'refused', /HTTP 403/],
    moved: [
      await answers(301, { Location: 'http://elsewhere.example/' }),
      'refused',
      /HTTP 301: it is at "http:\/\/elsewhere.example\/"/,
    ],
    missing: [await answers(404), 'away', /HTTP 404/],
    plain: [
      { dialect: 'clown-talk', url: `wss://127.0.0.1:${strange.httpPort}/talk` },
      'away',
      /expected a websocket/,
    ],
  } as const
  const upstreams = Object.fromEntries(
    Object.entries(cases).map(([name, [settings]]) => [name, settings]),
  )
  const { status } = await startedDialling(t, upstreams)
  for (const [name, [, state, reason]] of Object.entries(cases)) {
    const told = await status(
      (each) => each.name === name && each.state !== 'connecting' && each.state !== 'connected',
    )
    t.match(told, { state, reason, nextTry: /Z$/ }, name)
  }
})
