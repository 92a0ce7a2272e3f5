import t, { type Test } from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'
import { type Decision, type Rights, rightsOf } from '../../src/access/rights.ts'
import type { User } from '../../src/access/user.ts'
import { readUsersFile } from '../../src/access/users-file.ts'
import { matches } from '../../src/core/filter.ts'
import { switchesActuator } from '../../src/core/switching.ts'
import { relativeTopic } from '../../src/core/topic.ts'
import { usersFile } from '../access/users.ts'
import {
  disconnectPacket,
  isPublish,
  publishPacket,
  type RawMqtt,
  readPublish,
  settled,
  subscribePacket,
} from '../raw-mqtt.ts'
import { type StartedHub, startedHub } from '../started-hub.ts'
import { framesTakenFrom, takenFrom } from '../taken.ts'
import { isOpenTo, type Login, mqttWays, spoken, talkWays } from '../ways-in.ts'

/*
 * Every role on every way in. What is expected is asked of `rightsOf`; that itself is compared with
 * what is written in docs/security.md by test/access/rights.test.ts.
 */

const ownBase = 'nodes/bridge/0'
const password = 'correct horse'
const clientId = 'mine'
const root = { user: 'root', password }

const entries = {
  root: { role: 'admin' },
  viewer: { role: 'viewer' },
  operator: { role: 'operator' },
  admin: { role: 'admin' },
  node: { role: 'node', base: ownBase },
  panel: {
    rules: [
      { allow: ['read'], topic: `${ownBase}/lamp/+` },
      { allow: ['command'], topic: `${ownBase}/lamp/+/set` },
      { allow: ['read', 'write', 'retain'], topic: 'home/{user}/#' },
      { allow: ['read', 'write'], topic: 'home/{client}/#' },
      { allow: ['retain'], topic: 'nodes/bridge/1/#' },
    ],
  },
  guest: {
    role: 'operator',
    rules: [
      { deny: ['command', 'retain'], topic: `${ownBase}/#` },
      { deny: ['read'], topic: 'nodes/bridge/1/#' },
      { deny: ['write'], topic: 'home/other/#' },
    ],
  },
  nothing: {},
  anonymous: {
    rules: [
      { allow: ['read'], topic: `${ownBase}/#` },
      { allow: ['write'], topic: 'nodes/bridge/1/#' },
    ],
  },
}

const bases = [
  ownBase,
  'nodes/bridge/1',
  'nodes/bridge/00',
  'home/panel',
  'home/other',
  `home/${clientId}`,
]
const endings = ['', '/set', '/get', '/config/set', '/config/ok']
const topicsOf = (name: string) =>
  bases.flatMap((base) => endings.map((ending) => `${base}/lamp/${name}${ending}`))

const seenTopics = topicsOf('seen')

const filters = [
  '#',
  '+/#',
  '+/bridge/#',
  'nodes/#',
  `${ownBase}/#`,
  `${ownBase}/+/+/set`,
  'nodes/bridge/1/lamp/+',
  'home/+/#',
  `home/${clientId}/#`,
  '$SYS/#',
]

async function startedMatrix(t: Test) {
  const hash = await hashPassword(password)
  const users = Object.entries(entries).map(([name, entry]) => {
    return [name, name === 'anonymous' ? entry : { ...entry, password: hash }]
  })
  const file = usersFile(t, JSON.stringify({ users: Object.fromEntries(users) }))
  const hub = await startedHub(t, {
    users: {},
    usersFile: file,
    limits: { commands: { perUserPerSecond: 1000 } },
    // The hub greets on homeassistant/status after a while, which is nobody's message of these.
    profiles: { off: ['home-assistant'] },
  })
  // Commands to a node that is away would be refused, whoever sends them.
  await mqttWays['MQTT on TCP'](t, hub, { user: 'node', password, clientId: 'hardware' })
  return { hub, users: readUsersFile(file) }
}

function loginOf({ name, passwordHash }: User): Login {
  return passwordHash === undefined ? {} : { user: name, password }
}

/** Runs `check` as a test of its own for each user who can come in by each of `ways`. */
async function forEach<Way>(
  t: Test,
  { users, ways }: { users: User[]; ways: Record<string, Way> },
  check: (t: Test, user: User, open: Way) => Promise<void>,
): Promise<void> {
  for (const [way, open] of Object.entries(ways)) {
    for (const user of users) {
      if (!isOpenTo(loginOf(user), way)) continue
      await t.test(`${user.name} by ${way}`, (t) => check(t, user, open))
    }
  }
}

/** An admin that sees everything, and publishes what others may see or not. */
async function openedRoot(t: Test, hub: StartedHub) {
  const raw = await mqttWays['MQTT on TCP'](t, hub, { ...root, clientId: 'root' })
  raw.send(subscribePacket(['#']))
  await raw.next((packet) => packet.startsWith('90'))
  const taken = takenFrom(raw)
  const talk = await talkWays['HTTP Basic'](t, hub, root)
  let marks = 0
  // What the hub takes from websockets goes on the bus in order, so all else is there before it.
  const marked = async () => {
    const mark = `mark/${marks++}`
    talk.send(mark, {})
    await raw.next((packet) => isPublish(packet) && readPublish(packet).topic === mark)
  }
  const publishAll = async (topics: string[], fields: { qos?: number; retain?: boolean } = {}) => {
    raw.send(...topics.map((topic) => publishPacket(topic, { ...fields, id: 9 })))
    await settled(raw)
    await marked()
  }
  const seen = async () => {
    await marked()
    return (await taken()).filter((topic) => !topic.startsWith('mark/'))
  }
  return { publishAll, seen }
}

const inOrder = (topics: Iterable<string>) => [...topics].sort()
const isKept = (topic: string) => !switchesActuator(topic)

t.test('nobody reads what no rule lets them read', async (t) => {
  const { hub, users } = await startedMatrix(t)
  const { publishAll } = await openedRoot(t, hub)
  await publishAll(seenTopics, { retain: true })

  await forEach(t, { users, ways: talkWays }, async (t, user, open) => {
    const { mayRead } = rightsOf(user)
    for (const [base, path] of [
      ['', '/talk'],
      [ownBase, `/talk/${ownBase}`],
    ] as const) {
      const talk = await open(t, hub, { ...loginOf(user), path })
      const taken = framesTakenFrom(talk)
      const readable = seenTopics
        .filter(mayRead)
        .flatMap((topic) => relativeTopic(base, topic) ?? [])
      talk.send('clown.talk/-/config/set', {})
      await talk.on('clown.talk/-/config/ok')
      t.same(inOrder(await taken()), inOrder(readable.filter(isKept)), `last values at ${path}`)
      await publishAll(seenTopics)
      t.same(inOrder(await taken()), inOrder(readable), `live at ${path}`)
    }
  })

  await forEach(t, { users, ways: mqttWays }, async (t, user, open) => {
    const rights = rightsOf(user, clientId)
    const fields = { ...loginOf(user), clientId, clean: false }
    const raw = await open(t, hub, fields)
    const taken = takenFrom(raw)
    const granted = await subscribeToAll(t, raw, rights)
    await retainedSent(t, hub)
    const isMeant = (topic: string) => granted.some((filter) => matches(filter, topic))
    const readable = seenTopics.filter((topic) => isMeant(topic) && rights.mayRead(topic))
    const all = await taken()
    const past = all.filter((topic) => !topic.startsWith('$'))
    t.same(inOrder(new Set(past)), inOrder(readable.filter(isKept)), 'retained values')
    await publishAll(seenTopics)
    const other = await open(t, hub, { ...root, clientId: 'other' })
    const live = await taken()
    const ofHub = all.filter((topic) => topic.startsWith('$SYS/broker/'))
    t.same(
      inOrder(live.filter((topic) => !topic.startsWith('$'))),
      inOrder(readable),
      'live, each once',
    )
    t.equal(ofHub.length > 0, rights.mayRead('$SYS/broker/version'), 'the topics of the hub')

    raw.send(disconnectPacket)
    await raw.ended
    await settled(other)
    await publishAll(seenTopics, { qos: 1 })
    const again = await open(t, hub, fields)
    const keptFor = readable.filter((topic) => !switchesActuator(topic))
    t.same(inOrder(await takenFrom(again)()), inOrder(keptFor), 'what came meanwhile')
    // The session is given up, so that the next one begins anew.
    await open(t, hub, { ...loginOf(user), clientId })
  })
})

/** Waits until a subscriber to all filters, who came later, has had all that is retained. */
async function retainedSent(t: Test, hub: StartedHub): Promise<void> {
  const raw = await mqttWays['MQTT on TCP'](t, hub, { ...root, clientId: 'late' })
  raw.send(subscribePacket(filters))
  const kept = seenTopics.filter(isKept)
  for (const filter of filters) {
    for (const topic of kept) if (matches(filter, topic)) await raw.next(isOfNodes)
  }
}

function isOfNodes(packet: string): boolean {
  return isPublish(packet) && !readPublish(packet).topic.startsWith('$')
}

/** Asks for each filter, and compares what the hub grants with what the rules do; answers that. */
async function subscribeToAll(t: Test, raw: RawMqtt, rights: Rights): Promise<string[]> {
  raw.send(subscribePacket(filters, 1))
  const answer = await raw.next((packet) => packet.startsWith('90'))
  const codes = [...Buffer.from(answer, 'hex').subarray(4)]
  const isGranted = (filter: string) => rights.maySubscribe(filter).allowed
  t.same(
    codes,
    filters.map((filter) => (isGranted(filter) ? 1 : 128)),
    'subscriptions',
  )
  return filters.filter(isGranted)
}

t.test('nobody writes, commands or retains what no rule lets them, or one denies', async (t) => {
  const { hub, users } = await startedMatrix(t)
  const { seen } = await openedRoot(t, hub)
  const retained: string[] = []

  await forEach(t, { users, ways: talkWays }, async (t, user, open) => {
    const { mayPublish } = rightsOf(user)
    for (const [base, path] of [
      ['', '/talk'],
      [ownBase, `/talk/${ownBase}`],
    ] as const) {
      const talk = await open(t, hub, { ...loginOf(user), path })
      const topics = topicsOf('one').filter((topic) => relativeTopic(base, topic) !== undefined)
      for (const topic of topics) talk.send(relativeTopic(base, topic) ?? '', {})
      await spoken(talk)
      const { allowed, denied } = grouped(topics, (topic) => mayPublish(topic, false))
      t.same(inOrder(await seen()), inOrder(allowed), `published from ${path}`)
      const errors = talk.frames.items.filter(([topic]) => topic.endsWith('/error'))
      const refused = errors.filter(([, error]) => codeOf(error) === 'forbidden')
      const toldOn = denied.map((topic) => `${relativeTopic(base, topic)}/error`)
      t.same(inOrder(refused.map(([topic]) => topic)), inOrder(toldOn), `refused at ${path}`)
    }
  })

  await forEach(t, { users, ways: mqttWays }, async (t, user, open) => {
    const { mayPublish } = rightsOf(user, clientId)
    const raw = await open(t, hub, { ...loginOf(user), clientId })
    for (const retain of [false, true]) {
      const topics = topicsOf(retain ? `kept-${user.name}` : 'one')
      for (const topic of topics) {
        raw.send(publishPacket(topic, { qos: 1, retain, id: 7 }))
        await raw.next((packet) => packet === '40020007')
      }
      await settled(raw)
      const { allowed } = grouped(topics, (topic) => mayPublish(topic, retain))
      t.same(inOrder(await seen()), inOrder(allowed), `retain: ${retain}`)
      const isRetained = (topic: string) => !mayPublish(topic, true).withoutRetain && isKept(topic)
      if (retain) retained.push(...allowed.filter(isRetained))
    }
    t.equal(raw.stream.destroyed, false, 'the connection stays')
  })

  const late = await mqttWays['MQTT on TCP'](t, hub, { ...root, clientId: 'late' })
  late.send(subscribePacket(['#']))
  const found = new Set<string>()
  while (found.size < new Set(retained).size) {
    found.add(readPublish(await late.next(isPublish)).topic)
  }
  await settled(late)
  t.same(inOrder(found), inOrder(new Set(retained)), 'what is retained')
  t.equal(late.packets.filter(isPublish).length, found.size, 'and nothing else')
  t.ok(hub.counters()['right-missing'], 'what was refused is counted')
})

function grouped(topics: string[], decide: (topic: string) => Decision) {
  const allowed = topics.filter((topic) => decide(topic).allowed)
  return { allowed, denied: topics.filter((topic) => !allowed.includes(topic)) }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
