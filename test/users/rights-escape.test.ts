import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { WebSocket } from 'ws'
import { rightsOf } from '../../src/access/rights.ts'
import { deviceOf } from '../../src/nodes/device.ts'
import { gone, startedWith, subscribed, watched } from '../changing-users.ts'
import {
  accepted,
  connectPacket,
  disconnectPacket,
  isPublish,
  publishPacket,
  rawMqttTo,
  readPublish,
  resumed,
  settled,
  ways,
} from '../raw-mqtt.ts'
import { anyTopic } from '../topics.ts'
import { mqttWays, spoken, talkWays } from '../ways-in.ts'

t.test('F14: the will of a user without the right to it is not published', async (t) => {
  const users = {
    removed: { role: 'operator' },
    lowered: { role: 'operator' },
    viewer: { role: 'viewer' },
    node: { role: 'node', base: 'nodes/bridge/0' },
  }
  const { hub, login, changed } = await startedWith(t, users)
  const { seen } = await watched(t, hub)
  for (const [way, open] of Object.entries(mqttWays)) {
    const openWith = (user: string, topic: string, retain = false) =>
      open(t, hub, { ...login(user), clientId: way, will: { topic, retain } })
    const removed = await openWith('removed', 'removed/will')
    removed.send(publishPacket('removed/alive'))
    await settled(removed)
    const lowered = await openWith('lowered', 'lowered/will')
    const viewer = await openWith('viewer', 'viewer/will')
    const own = await openWith('node', 'nodes/bridge/0/will/-', true)
    own.stream.destroy()
    await gone(hub, `node:${way}`)
    for (const topic of ['nodes/bridge/1/will/-', 'nodes/bridge/0/will/-/set']) {
      const foreign = await openWith('node', topic, true)
      foreign.stream.destroy()
      await gone(hub, `node:${way}`)
    }
    await changed({ viewer: users.viewer, node: users.node, lowered: {} })
    await gone(hub, `removed:${way}`)
    for (const raw of [lowered, viewer]) raw.stream.destroy()
    await gone(hub, `lowered:${way}`)
    await gone(hub, `viewer:${way}`)
    t.same(await seen(), ['removed/alive', 'nodes/bridge/0/will/-'], way)
    await changed(users)
  }
})

for (const [way, open] of Object.entries(mqttWays)) {
  t.test(`a client id belongs to its user by ${way}`, async (t) => {
    const { hub, login } = await startedWith(t, {
      one: { role: 'viewer' },
      two: { role: 'admin' },
      anonymous: { role: 'viewer' },
    })
    const { publish } = await watched(t, hub)
    const fields = { clientId: 'same', clean: false }
    const one = await open(t, hub, { ...login('one'), ...fields })
    await subscribed(one, 'a', 1)
    for (const other of [login('two'), {}]) {
      const raw = await open(t, hub, { ...other, ...fields })
      t.equal(raw.packets[0], accepted, 'no session to go on with')
      await settled(one)
    }
    const liar = await ways[way === 'MQTT on TCP' ? 'TCP' : 'a websocket'](t, hub)
    liar.send(connectPacket({ ...login('one'), ...fields, password: 'wrong' }))
    t.equal(await liar.next(), '20020004')
    await settled(one)

    one.send(disconnectPacket)
    await gone(hub, 'one:same')
    await publish('a', { qos: 1 })
    for (const other of [login('two'), {}]) {
      const raw = await open(t, hub, { ...other, ...fields })
      await settled(raw)
      t.same(raw.packets.filter(isPublish), [], 'nothing that was kept for somebody else')
      // Nor does a clean session discard that of somebody else.
      await settled(await open(t, hub, { ...other, ...fields, clean: true }))
    }
    const again = await open(t, hub, { ...login('one'), ...fields })
    t.equal(again.packets[0], resumed)
    t.equal(readPublish(await again.next(isPublish)).topic, 'a')
  })
}

t.test('a user cannot take the name of another one for its client', async (t) => {
  const { hub, login } = await startedWith(t, { a: { role: 'viewer' }, 'a b': { role: 'viewer' } })
  const first = await mqttWays['MQTT on TCP'](t, hub, { ...login('a'), clientId: 'b:c' })
  const second = await rawMqttTo(t, hub.mqttPort)
  second.send(connectPacket({ ...login('a:b'), clientId: 'c' }))
  t.equal(await second.next(), '20020004')
  await settled(first)
})

/** What the hub tells of nodes and commands is for whoever may read of those. */
function isOfBroker(packet: string): boolean {
  return isPublish(packet) && !readPublish(packet).topic.startsWith('$SYS/hub/')
}

const nodes = {
  node: { role: 'node', base: 'nodes/bridge/0' },
  other: { role: 'node', base: 'nodes/bridge/1' },
  viewer: { role: 'viewer' },
  panel: { rules: [{ allow: ['read', 'write'], topic: 'of/{client}/#' }] },
}

for (const [way, open] of Object.entries(talkWays)) {
  t.test(`F14: nobody leaves their base by ${way}`, async (t) => {
    const { hub, login } = await startedWith(t, nodes)
    const { seen, publish } = await watched(t, hub)
    // Commands to a node that is away would be refused, whoever sends them.
    await mqttWays['MQTT on TCP'](t, hub, login('other'))
    const talk = await open(t, hub, { ...login('node'), path: '/talk/nodes/bridge/0' })
    const escapes = ['../1/relay/-', '..', '%2e%2e/1', 'a/../../1/b', '/nodes/bridge/1/a', '$SYS/a']
    for (const topic of escapes) talk.send(topic, {})
    await spoken(talk)
    // Such levels are names like any others, and all of it is below the base.
    t.ok((await seen()).every((topic) => topic.startsWith('nodes/bridge/0/')))
    for (const path of [
      '/talk',
      '/talk/nodes/bridge',
      '/talk/nodes/bridge/1',
      '/talk/nodes/bridge/00',
    ]) {
      const foreign = await open(t, hub, { ...login('node'), path })
      const own = path === '/talk' ? 'nodes/bridge/1/lamp/-' : 'lamp/-'
      foreign.send(own, {})
      foreign.send(`${own}/set`, {})
      await publish('nodes/bridge/1/lamp/-/set')
      await publish('nodes/bridge/00/lamp/-/set')
      await spoken(foreign)
      const got = foreign.frames.items.filter(([topic]) => topic.includes('lamp'))
      t.same(
        got.map(([topic]) => topic),
        [`${own}/error`, `${own}/set/error`],
        path,
      )
    }
    t.ok((await seen()).every((topic) => /^nodes\/bridge\/(1|00)\/lamp\/-\/set$/.test(topic)))
  })
}

t.test('F14: no path leads a websocket to $SYS, and no base hears of it', async (t) => {
  const { hub, login } = await startedWith(t, { root: { role: 'admin' } })
  const { user, password } = login('root')
  for (const path of [
    '/talk/$SYS',
    '/talk/%24SYS',
    '/talk/%24SYS/a',
    '/auth/clown-talk-server_$SYS',
  ]) {
    const websocket = new WebSocket(`ws://${user}:${password}@127.0.0.1:${hub.httpPort}${path}`)
    const [error] = await once(websocket, 'error')
    t.match(error.message, /404/, path)
  }
  const talk = await talkWays['HTTP Basic'](t, hub, login('root'))
  await mqttWays['MQTT on TCP'](t, hub, login('root'))
  await spoken(talk)
  t.same(
    talk.frames.items.filter(([topic]) => topic.startsWith('$')),
    [],
  )
})

for (const [way, open] of Object.entries(mqttWays)) {
  t.test(
    `F14: only an admin hears of the broker on $SYS by ${way}, whatever the filter`,
    async (t) => {
      const { hub, login } = await startedWith(t, { ...nodes, root: { role: 'admin' } })
      const filters = ['$SYS/#', '$SYS/+/new/clients', '+/+/new/clients', '#', '$dropped', '$SYS']
      const heardBy: Record<string, boolean> = {}
      for (const user of ['root', 'viewer', 'node', 'panel']) {
        const raw = await open(t, hub, { ...login(user), clientId: user })
        for (const filter of filters) await subscribed(raw, filter)
        await open(t, hub, { ...login(user), clientId: 'newcomer' })
        raw.send(publishPacket('$SYS/a/new/clients'))
        if (user === 'root') await raw.next(isOfBroker)
        // What others say there is dropped.
        await settled(raw)
        heardBy[user] = raw.packets.some(isOfBroker)
      }
      t.same(heardBy, { root: true, viewer: false, node: false, panel: false })
    },
  )

  t.test(`F14: a client id gives the rights of one level, or none, by ${way}`, async (t) => {
    const { hub, login } = await startedWith(t, nodes)
    const { seen } = await watched(t, hub)
    for (const clientId of ['+', '#', 'a/b', '..', '$SYS', 'mine', 'mi\u200dne', 'a/', '/']) {
      const raw = await open(t, hub, { ...login('panel'), clientId })
      const topics = [
        'of/foreign/x',
        'of//x',
        'of/mi\u200dne/x',
        'of/mine/x',
        'of/a/b',
        'of/a/b/x',
        'of/../x',
        'of/$SYS/x',
      ]
      raw.send(...topics.map((topic) => publishPacket(topic)))
      await settled(raw)
      const expected = { '..': ['of/../x'], mine: ['of/mine/x'] }[clientId] ?? []
      t.same(await seen(), expected, clientId)
    }
  })
}

/** Filters as an administrator may write them, with wildcards in any place. */
const anyFilter = fc
  .tuple(anyTopic, fc.array(fc.boolean()), fc.constantFrom('', '/#'))
  .map(([topic, isWild, end]) => {
    const levels = topic.split('/').map((level, at) => (isWild[at] ? '+' : level))
    return levels.join('/') + end
  })

t.test('F14: whatever their topics are, nodes stay below their base', async () => {
  fc.assert(
    fc.property(anyTopic, anyTopic, (base, topic) => {
      const node = rightsOf({ name: 'node', role: 'node', base, rules: [], tokens: [] })
      const isBelow = topic === base || topic.startsWith(`${base}/`)
      const maySay = node.mayPublish(topic, true).allowed
      return (isBelow || !maySay) && (isBelow || !node.mayRead(topic))
    }),
    { numRuns: 1000 },
  )
})

t.test('F14: what the hub tells of a topic is for who may read that topic', async () => {
  fc.assert(
    fc.property(anyFilter, anyTopic, fc.boolean(), (filter, other, isMeant) => {
      // A topic that the filter may match, or any other.
      const topic = isMeant ? filter.replaceAll('+', 'x').replace(/#$/, 'x/y') : other
      const rules = [{ allow: ['read'], topic: filter }] as const
      const { mayRead } = rightsOf({ name: 'reader', rules: [...rules], tokens: [] })
      const isSecret = !mayRead(topic)
      const ofCommands = mayRead(`$SYS/hub/commands/${topic}`)
      const ofNode = mayRead(`$SYS/hub/nodes/${deviceOf(topic).base}`)
      return ofCommands === !isSecret && !(isSecret && ofNode)
    }),
    { numRuns: 2000 },
  )
})

t.test('F14: empty levels and what is not seen are levels of their own', async (t) => {
  const users = {
    node: { role: 'node', base: '/devices/wb' },
    panel: { rules: [{ allow: ['read', 'write'], topic: 'a/+/b' }] },
  } as const
  const { hub, login } = await startedWith(t, users)
  const { seen } = await watched(t, hub)
  const topics = [
    'devices/wb/x',
    '/devices/wb/x',
    '/devices/wb',
    '/devices/wb2/x',
    '//devices/wb/x',
  ]
  const others = ['a//b', 'a/x/b', 'a/\u200d/b', 'a/b', 'a//b/', '/a//b', 'a///b', '\u200da/x/b']
  for (const [way, open] of Object.entries(mqttWays)) {
    const node = await open(t, hub, login('node'))
    node.send(...topics.map((topic) => publishPacket(topic)))
    await settled(node)
    t.same(await seen(), ['/devices/wb/x', '/devices/wb'], `a node by ${way}`)
    const panel = await open(t, hub, login('panel'))
    panel.send(...others.map((topic) => publishPacket(topic)))
    await settled(panel)
    t.same(await seen(), ['a//b', 'a/x/b', 'a/\u200d/b'], `a rule by ${way}`)
  }
})
