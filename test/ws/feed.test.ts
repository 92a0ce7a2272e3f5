import t, { type Test } from 'tap'
import { Feed } from '../../src/ws/feed.ts'
import { followedDefects } from '../followed-defects.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'

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
