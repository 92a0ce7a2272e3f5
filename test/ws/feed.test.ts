import { pino } from 'pino'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { rightsOf } from '../../src/access/rights.ts'
import type { User } from '../../src/access/user.ts'
import { checkConfig } from '../../src/config.ts'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { Trace } from '../../src/core/trace.ts'
import { createAudiences } from '../../src/ws/audiences.ts'
import { Feed } from '../../src/ws/feed.ts'
import { LinkTraffic } from '../../src/ws/link-traffic.ts'
import { createRecovery } from '../../src/ws/recovery.ts'
import { WebSocketLink } from '../../src/ws/websocket-link.ts'
import { steppedClock } from '../clock.ts'
import { followedDefects } from '../followed-defects.ts'
import { clown } from '../senders.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { unbounded } from '../unbounded.ts'
import { presence } from './nothing-missed.ts'

/** A hub, a node on it, and what tells of a message once it is known to be on the bus. */
async function hubWithNode(t: Test) {
  const hub = await startedHub(t)
  const { client } = await mqttTo(t, hub)
  const publish = (topic: string, value: unknown) =>
    client.publishAsync(`nodes/bridge/0/${topic}`, JSON.stringify(value), { qos: 1 })
  return { hub, publish }
}

const introduction = 'clown.talk/-/config/set'

t.test('who asks for filters is told of nothing else, of each message once', async (t) => {
  const { hub, publish } = await hubWithNode(t)
  await publish('lamp/a', 1)
  await publish('lamp/b', 2)
  await publish('door/a', 3)
  const talk = await talkTo(t, hub)
  talk.send(introduction, { filters: ['lamp/a', 'lamp/#'], ages: true })
  t.match(await talk.on('lamp/a'), ['lamp/a', 1, { ageMs: Number }])
  t.match(await talk.on('lamp/b'), ['lamp/b', 2, { ageMs: Number }])
  await publish('door/a', 4)
  await publish('lamp/a', 5)
  t.same(await talk.on('lamp/a'), ['lamp/a', 5])
  talk.send('$hub/subscribe', { filters: ['door/+'] }, { id: 1 })
  t.match(await talk.on('door/a'), ['door/a', 4, { ageMs: Number }])
  t.same(await talk.on('$hub/subscribe/ok'), [
    '$hub/subscribe/ok',
    { filters: ['door/+'] },
    { id: 1 },
  ])
  talk.send('$hub/unsubscribe', { filters: ['lamp/a', 'lamp/#'] }, { id: 2 })
  await talk.on('$hub/unsubscribe/ok')
  await publish('lamp/a', 6)
  await publish('door/a', 7)
  t.same(await talk.on('door/a'), ['door/a', 7])
  talk.send('$hub/unsubscribe', { filters: ['door/+'] }, { id: 3 })
  await talk.on('$hub/unsubscribe/ok')
  await publish('door/a', 8)
  talk.send('$hub/ping', {}, { id: 4 })
  await talk.on('$hub/ping/ok')
  const topics = talk.frames.items.map(([topic]) => topic)
  t.equal(topics.filter((topic) => topic === 'lamp/a').length, 2)
  t.equal(topics.filter((topic) => topic === 'door/a').length, 2)
})

t.test('who was told all is told of some only once they ask for these', async (t) => {
  const { hub, publish } = await hubWithNode(t)
  const talk = await talkTo(t, hub)
  await publish('lamp/a', 1)
  await publish('door/a', 1)
  await talk.on('door/a')
  talk.send('$hub/unsubscribe', { filters: ['lamp/+'] })
  await talk.on('$hub/unsubscribe/ok')
  await publish('lamp/b', 1)
  await talk.on('lamp/b')
  talk.send('$hub/subscribe', { filters: ['lamp/+'] })
  t.same(await talk.on('$hub/subscribe/ok'), ['$hub/subscribe/ok', { filters: ['lamp/+'] }])
  await publish('door/a', 2)
  await publish('lamp/a', 2)
  await talk.frames.next(([topic, value]) => topic === 'lamp/a' && value === 2)
  const told = talk.frames.items.map(([topic, value]) => `${topic} ${value}`)
  t.notOk(told.includes('door/a 2'))
})

t.test('nobody but the hub is heard on who is there', async (t) => {
  const { hub, publish } = await hubWithNode(t)
  const lie = () => publish('lamp/a/-/presence', { stale: 'not at all' })
  await lie()
  await publish('lamp/a', 1)
  for (const wishes of [{ presence: true, positions: true }, {}]) {
    const talk = await talkTo(t, hub)
    talk.send(introduction, wishes)
    await talk.on('lamp/a')
    await lie()
    await publish('lamp/a', 2)
    await talk.frames.next(([topic, value]) => topic === 'lamp/a' && value === 2)
    t.notMatch(talk.texts.join(), 'not at all')
    await publish('lamp/a', 1)
  }
  const { client } = await mqttTo(t, hub)
  for (const ending of ['presence', 'label']) {
    await client.publishAsync(`x/-/${ending}`, '{"online":true}', { qos: 1, retain: true })
  }
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const asked = async (path: string) =>
    (await fetch(`http://127.0.0.1:${hub.httpPort}/api/${path}`, { headers })).json()
  const { nodes } = Object(await asked('nodes'))
  t.match(nodes, [{ base: 'nodes/bridge/0', devices: [{ name: 'lamp/a' }] }])
  t.equal(nodes.length, 1, 'and what was said there makes no node')
  t.equal(nodes[0].devices.length, 1)
  t.match(await asked('history?topic=x/%23'), { series: [] })
})

t.test('filters that are none, or too many, are refused', async (t) => {
  const { hub } = await hubWithNode(t)
  const talk = await talkTo(t, hub)
  for (const [filters, code] of [
    [['a/#/b'], 'bad-topic'],
    [['$SYS/#'], 'bad-topic'],
    [Array.from({ length: 1001 }, (_, at) => `a/${at}`), 'too-many'],
  ] as const) {
    talk.send('$hub/subscribe', { filters }, { id: 1 })
    t.match(await talk.on('$hub/subscribe/error'), [String, { code }, { id: 1 }])
  }
})

t.test('who is back soon gets what was said meanwhile, in order and once', async (t) => {
  const { hub, publish } = await hubWithNode(t)
  const talk = await talkTo(t, hub)
  talk.send(introduction, { positions: true, ages: true })
  const { position } = Object((await talk.on('clown.talk/-/position'))[1])
  await publish('lamp/a', 1)
  t.match(await talk.on('lamp/a'), ['lamp/a', 1, { position: String }])
  talk.websocket.terminate()
  for (let at = 2; at <= 150; at++) await publish('lamp/a', at)
  const again = await talkTo(t, hub)
  again.send(introduction, { after: position })
  await again.frames.next(([, value]) => value === 150)
  await publish('lamp/a', 151)
  await again.frames.next(([, value]) => value === 151)
  const values = again.frames.items
    .filter(([topic]) => topic === 'lamp/a')
    .map(([, value]) => value)
  t.same(
    values,
    Array.from({ length: 151 }, (_, at) => at + 1),
  )
  const places = again.frames.items.flatMap(([, , line]) => line?.['position'] ?? [])
  t.equal(new Set(places).size, 151)
})

t.test(
  'who is away for too long is told how much is missing, and gets the last values',
  async (t) => {
    const hub = await startedHub(t, { limits: { websocket: { recoveryBytes: 1000 } } })
    const { client } = await mqttTo(t, hub)
    // A node that is new is told as well.
    await client.publishAsync('nodes/bridge/0/lamp/a', '0', { qos: 1 })
    const talk = await talkTo(t, hub)
    talk.send(introduction, { positions: true })
    const { position } = Object((await talk.on('clown.talk/-/position'))[1])
    talk.websocket.terminate()
    for (let at = 1; at <= 20; at++) {
      await client.publishAsync('nodes/bridge/0/lamp/a', String(at), { qos: 1 })
    }
    const again = await talkTo(t, hub)
    again.send(introduction, { after: position })
    t.same(await again.on('clown.talk/-/missed'), [
      'clown.talk/-/missed',
      { count: 20, after: position },
    ])
    t.same(await again.on('lamp/a'), ['lamp/a', 20])
    await again.on('clown.talk/-/position')
    const stranger = await talkTo(t, hub)
    stranger.send(introduction, { after: 'elsewhere:7' })
    t.match(await stranger.on('clown.talk/-/missed'), [String, { count: null }])
    await stranger.on('lamp/a')
  },
)

t.test(
  'F59: whose recovery fails is disconnected, to come back, and not left without news',
  async (t) => {
    const defects = followedDefects(t)
    const ended = new Promise((resolve) => {
      const membership = { settle: () => {}, leave: () => {} }
      const log = {
        ...{ position: 'e:2', placeAfter: () => 2, note: t.fail, close: () => {} },
        partAt: () => {
          throw new Error('out of paper')
        },
      }
      const context = { audiences: { join: () => membership }, recovery: { open: () => log } }
      const link = { follow: () => {}, end: (code: number) => resolve(code) }
      const options = { dialect: {}, base: '', link, user: { name: 'ann' }, rights: {} }
      const feed = new Feed(context as never, options as never)
      feed.show({ positions: true })
      feed.recover('e:1')
    })
    t.equal(await ended, 1011)
    t.match(defects.items, [{ message: 'out of paper' }])
  },
)

t.test('who asks for it is told that nodes come and go, as their rights allow', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      bridge: { password: 'bigclown', role: 'node', base: 'nodes/bridge/0' },
    },
  })
  const talk = await talkTo(t, hub)
  talk.send(introduction, { presence: true, positions: true })
  await talk.on('clown.talk/-/config/ok')
  const bridge = await mqttTo(t, hub, { username: 'bridge' })
  t.match(await talk.on('-/presence'), ['-/presence', { online: true }, { position: String }])
  await bridge.client.publishAsync('nodes/bridge/0/relay/a', '{"state":true}', { qos: 1 })
  await talk.on('relay/a')
  bridge.client.end(true)
  t.match(await talk.frames.next(([, value]) => Object(value).online === false), ['-/presence'])
  t.match(await talk.on('relay/a/-/presence'), [String, { stale: true }])
})

t.test('the nodes at a base and below are told, each by itself', async (t) => {
  const { hub, publish } = await hubWithNode(t)
  await publish('relay/a', { state: true })
  const { client } = await mqttTo(t, hub)
  await client.publishAsync('elsewhere/0/relay/a', '{"state":true}', { qos: 1 })
  const talk = await talkTo(t, hub)
  talk.send('$hub/nodes', {}, { id: 1 })
  t.match(await talk.on('$hub/nodes'), [String, { base: 'nodes/bridge/0' }, { id: 1 }])
  t.same(await talk.on('$hub/nodes/ok'), ['$hub/nodes/ok', { count: 1 }, { id: 1 }])
})

/** A feed whose reader reads as the test lets it, and that goes on after the first of many messages. */
function recoveringFeed(recoveryBytes: number) {
  const log = pino({ level: 'silent' })
  const sampledLog = createSampledLog(log, createCounters())
  const subscribers = new Set<(message: Message) => void>()
  const bus = {
    subscribe: (_filter: string, deliver: (message: Message) => void) => {
      subscribers.add(deliver)
      return () => subscribers.delete(deliver)
    },
  }
  const frameBytes = 1_000_000
  const recovery = createRecovery({
    ...{ bus, presence, frameBytes, sampledLog },
    limits: { recoveryBytes, recoverySeconds: 60 },
    newRecoveryShare: unbounded,
    clock: systemClock,
    jsonLimits: checkConfig({}).limits.json,
  })
  const endOfTick = createEndOfTick()
  const sent: string[] = []
  const writer = {
    bufferedAmount: 0,
    readyState: WebSocket.OPEN,
    send: (frame: string) => sent.push(frame),
    offer: () => false,
    write: (bytes: Buffer, written: () => void) => {
      sent.push(...String(bytes).split('\n').slice(0, -1))
      // It reads nothing more until the test says so.
      writer.bufferedAmount = 1001
      writer.read = () => {
        writer.bufferedAmount = 0
        written()
      }
    },
    read: () => {},
    close: () => {},
  }
  const encodeMissed = (count: number | undefined) => `missed ${count}`
  const limits = { conflateBytes: 1000, outboundBytes: 1_000_000 }
  const link = new WebSocketLink(writer, {
    traffic: new LinkTraffic(),
    ...{ limits, sampledLog, encodeMissed, reader: clown },
    share: unbounded(() => ''),
  })
  const user: User = { name: 'a', role: 'admin', rules: [], tokens: [] }
  const feed = new Feed(
    {
      audiences: createAudiences({
        ...{ bus, presence, recovery, endOfTick, log, frameBytes },
        trace: new Trace(),
      }),
      catchUps: {
        start: ({ done }) => {
          sent.push('last values')
          done()
          return () => {}
        },
      },
      recovery,
      after: steppedClock().after,
    },
    {
      dialect: {
        name: 'words',
        isStream: true,
        open: () => () => {},
        countMessages: () => 1,
        encode: (topic: string, { bytes }: Payload) => `${topic} ${bytes}\n`,
        encodeError: () => '',
        encodeMissed,
      },
      ...{ base: 'n', link, user, rights: rightsOf(user) },
    },
  )
  feed.show({ positions: true, filters: [] })
  const { position } = recovery.open('n')
  let count = 0
  const publish = (more: number) => {
    for (const end = count + more; count < end; count++) {
      const payload = new Payload(Buffer.from(String(count)))
      for (const deliver of subscribers) {
        deliver({ topic: 'n/a', payload, qos: 0, retain: false })
      }
    }
  }
  publish(150)
  feed.show({ filters: ['#'] })
  return { feed, link, sent, writer, publish, position }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('what was missed is sent as fast as it is read, and then what comes', async (t) => {
  const { feed, sent, writer, publish, position } = recoveringFeed(1_000_000)
  feed.recover(position)
  await turn()
  const first = sent.length
  t.ok(first > 0 && first < 150)
  await turn()
  t.equal(sent.length, first, 'it waits')
  publish(1)
  for (let parts = 0; parts < 5; parts++) {
    writer.read()
    await turn()
    await turn()
  }
  t.same(
    sent,
    Array.from({ length: 151 }, (_, at) => `a ${at}`),
  )
})

t.test('who leaves while it is sent what it missed is sent nothing more', async (t) => {
  for (const leave of ['the session', 'the link'] as const) {
    const { feed, link, sent, writer, publish, position } = recoveringFeed(1_000_000)
    feed.recover(position)
    await turn()
    const before = sent.length
    if (leave === 'the session') feed.close()
    else link.close()
    writer.read()
    await turn()
    publish(1)
    await turn()
    t.equal(sent.length, before, leave)
  }
})

t.test(
  'who reads too slowly to be sent all it missed is told so, and gets the last values',
  async (t) => {
    const { feed, sent, writer, publish, position } = recoveringFeed(100_000)
    feed.recover(position)
    await turn()
    const before = sent.length
    publish(1000)
    writer.read()
    await turn()
    await turn()
    t.same(sent.slice(before), ['missed undefined', 'last values'])
    publish(1)
    await turn()
    writer.read()
    t.equal(sent.at(-1), 'a 1150')
  },
)
