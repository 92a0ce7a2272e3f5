import { pino } from 'pino'
import t from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import type { Message } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import type { Request } from '../../../src/nodes/commands/commands.ts'
import { openProfileHost } from '../../../src/nodes/profiles/host-profiles.ts'
import type {
  DeviceFacts,
  Outgoing,
  Profile,
  ProfileHub,
} from '../../../src/nodes/profiles/profile.ts'
import { ProfileDevices } from '../../../src/nodes/profiles/profile-devices.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import { steppedClock } from '../../clock.ts'
import { clown } from '../../senders.ts'
import { smallBus } from '../registry/opened-nodes.ts'

const plug: DeviceFacts = {
  node: 'n',
  kind: 'relay',
  name: 'Plug',
  ask: ({ state }) => [{ topic: 'raw/plug/command', payload: state === true ? 'ON' : 'OFF' }],
  question: () => [{ topic: 'raw/plug/ask', payload: '' }],
}
const topic = 'devices/puppet/n/relay/-'

function messageOn(on: string, text: string, more: Partial<Message> = {}): Message {
  return { topic: on, payload: new Payload(Buffer.from(text)), qos: 0, retain: false, ...more }
}

interface OpenedOptions {
  readonly values?: Message[]
  readonly locked?: HubError
  /** Why nothing can be published when the profile is opened. */
  readonly away?: HubError
  /** What it asks everybody then. */
  readonly greeting?: Outgoing
}

/** A host with one profile that does what the test says, and all that it tells. */
async function opened(options: OpenedOptions = {}) {
  const { values = [], locked, away, greeting } = options
  const published: Message[] = []
  const { publish: tell, ...ofBus } = smallBus()
  const bus = {
    ...{ ...ofBus, tell, published },
    publish: (message: Message) => void published.push(message),
    refusalOf: () => away,
  }
  const done: unknown[][] = []
  const note =
    (what: string) =>
    (...args: unknown[]) => {
      done.push([what, ...args.map((arg) => (arg instanceof Payload ? arg.value : arg))])
    }
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const clock = steppedClock()
  const profileDevices = new ProfileDevices('devices', ['puppet'])
  const host = await openProfileHost({
    bus,
    values: {
      on: (on) => values.find((each) => each.topic === on),
      topicsBelow: async function* () {
        for (const each of values) yield each.topic
        if (values.length > 1) throw new Error('no more')
      },
    },
    registry: {
      declare: note('declare'),
      forget: note('forget'),
      device: () => undefined,
      devicesBelow: () => [],
    },
    states: { heard: note('heard') },
    profileDevices,
    directory: { find: (name) => ({ name, role: 'admin', rules: [], tokens: [] }), all: () => [] },
    presence: { bases: () => [], maySpeakFor: () => true },
    bases: { binds: () => false },
    prefix: 'devices',
    store: openMemoryStore(),
    clock,
    sampledLog,
  })
  const hubs: ProfileHub[] = []
  const profile: Profile = {
    name: 'puppet',
    open: (hub) => {
      hubs.push(hub)
      if (greeting !== undefined) hub.send(greeting)
    },
  }
  const close = host.open([profile], {
    commands: {
      reported: (device, { value }, client) => {
        done.push(['answer', device, value, client])
        return false
      },
      denied: note('denied'),
      taken: note('taken'),
      observe: ({ device, message, sender }) =>
        note('observe')(device, message.payload, sender.user),
      isFollowed: () => true,
    },
    relayGuard: {
      reported: note('guard'),
      check: () => {
        if (locked !== undefined) throw locked
        return undefined
      },
    },
    ownChanges: { reported: (device, { value }) => done.push(['changed', device, value]) },
    path: { learn: (message) => note('learn')(message.topic, message.payload, message.client) },
  })
  const [hub] = hubs
  if (hub === undefined) throw new Error('expected a hub')
  const hear = (message: Message, isKnown = true) => {
    if (isKnown) host.enters(message, clown)
    const claimed = host.claims.on(message.topic)
    if (claimed !== undefined) host.hear(claimed, message)
  }
  const told = (what: string) => done.filter(([name]) => name === what).map(([, ...rest]) => rest)
  return { host, close, hub, hear, told, done, bus, clock, counters, profileDevices }
}

function request(payload: unknown, more: Partial<Request> = {}): Request {
  const message = messageOn(`${topic}/set`, JSON.stringify(payload))
  return { device: topic, message, sender: clown, ...more }
}

t.test('what a device says is told whole, and learned as it was said', async (t) => {
  const { hub, hear, told, bus } = await opened()
  hub.claim('1', 'raw/plug', ({ payload }) => {
    hub.device('1', plug)
    hub.report('1', payload.value === 'ON' ? { state: true } : { power: [3, 'W'], event: 'x' })
  })
  hear(messageOn('raw/plug', 'ON', { client: 'ann:1' }))
  hear(messageOn('raw/plug', '3'))
  hear(messageOn('raw/plug', 'ON'))
  t.same(told('learn'), [
    [topic, { state: true }, 'ann:1'],
    [topic, { power: [3, 'W'], event: 'x' }, undefined],
    [topic, { state: true }, undefined],
  ])
  t.same(
    bus.published.map(({ payload }) => payload.value),
    [
      { state: true },
      { state: true, power: [3, 'W'], event: 'x' },
      { state: true, power: [3, 'W'] },
    ],
    'an event is told once',
  )
  t.equal(told('heard').length, 3)
})

t.test('memory is told, and confirms nothing', async (t) => {
  const { hub, told, bus } = await opened()
  hub.device('1', plug)
  hub.report('1', { state: true }, 'memory')
  t.equal(bus.published.length, 1)
  t.equal(told('guard').length, 1)
  t.same([told('answer'), told('learn'), told('heard'), told('changed')], [[], [], [], []])
})

t.test(
  'a command is what its profile makes of it, and what is said since answers it',
  async (t) => {
    const { host, hub, hear, told } = await opened()
    hub.claim('1', 'raw/plug', () => hub.device('1', { ...plug, tolerance: { pulse: 1 } }))
    hear(messageOn('raw/plug', 'here'))
    const { message, translation } = host.translate(request('on'))
    t.same(message.payload.value, { state: true })
    t.match(translation, {
      outgoing: [{ topic: 'raw/plug/command', qos: 1, retain: false }],
      goal: { state: true },
      isConfirmable: true,
    })
    host.translate(request({ pulse: 5 }))
    hub.report('1', { pulse: 4.5 })
    hub.report('1', { state: true })
    t.same(told('answer'), [
      [topic, { pulse: 5 }, undefined],
      [topic, { pulse: 5, state: true }, undefined],
    ])
  },
)

t.test('a lamp that writes its keys otherwise is told, asked and followed by ours', async (t) => {
  const { host, hub, hear, told, bus } = await opened()
  const lamp: DeviceFacts = {
    ...{ node: 'n', name: 'Lamp', tolerance: { color_temp: 2 } },
    kind: 'light',
    ask: (asked) => [{ topic: 'raw/lamp/set', payload: JSON.stringify(asked) }],
  }
  hub.claim('1', 'raw/lamp', ({ payload }) => {
    hub.device('1', lamp)
    hub.report('1', { color_temp: Number(payload.value) })
  })
  hub.claim('1', 'raw/lamp/set', () => hub.observe('1', { color_temp: 200 }))
  hear(messageOn('raw/lamp', '250'))
  const device = 'devices/puppet/n/light/-'
  for (const key of ['color-temp', 'color_temp']) {
    const { translation } = host.translate(request({ [key]: 370 }, { device }))
    t.match(translation, { goal: { 'color-temp': 370 } })
    hear(messageOn('raw/lamp', '369'))
  }
  hear(messageOn('raw/lamp/set', '{}'))
  t.same(
    bus.published.map(({ payload }) => payload.value),
    [250, 369, 369].map((mired) => ({ 'color-temp': mired })),
  )
  t.same(
    told('answer').map(([, value]) => value),
    [250, 370, 370].map((mired) => ({ 'color-temp': mired })),
    'near enough is as asked',
  )
  for (const what of ['changed', 'learn']) {
    for (const [, value] of told(what)) t.match(value, { 'color-temp': Number }, what)
  }
  t.same(told('observe'), [[device, { 'color-temp': 200 }, 'clown']])
})

t.test('a command that its device does not know is refused', async (t) => {
  const { host, hub } = await opened()
  const elsewhere = request(true, { device: 'nodes/a/relay/0' })
  t.equal(host.translate(elsewhere), elsewhere, 'which no profile has')
  t.throws(() => host.translate(request(true)), { code: 'unknown-device' })
  hub.device('1', { node: 'n', kind: 'relay', name: 'Meter' })
  t.throws(() => host.translate(request(true)), { code: 'bad-payload' })
  hub.device('1', plug)
  t.throws(() => host.translate(request('perhaps')), { code: 'bad-payload' })
  t.throws(() => host.translate(request(true)), { code: 'forbidden' }, 'nobody has announced it')
})

t.test('what the hub says itself is heard by no profile', async (t) => {
  const { host, hub, bus, counters } = await opened()
  const heard: string[] = []
  hub.claim('1', 'raw/#', ({ topic: on }) => heard.push(on))
  hub.device('1', plug)
  hub.send({ topic: 'raw/hello', payload: 'x' })
  for (const no of ['raw/+', 'nodes/a/relay/0/set', topic]) hub.send({ topic: no, payload: 'x' })
  t.equal(counters.snapshot()['profile-question-refused'], 3, 'nor does it command anything')
  host.ask(topic)
  host.ask('devices/puppet/n/relay/other')
  t.same(
    bus.published.map(({ topic: on, qos }) => [on, qos]),
    [
      ['raw/hello', 0],
      ['raw/plug/ask', 0],
    ],
    'and is kept for nobody who is away',
  )
  for (const message of bus.published) {
    const claimed = host.claims.on(message.topic)
    if (claimed !== undefined) host.hear(claimed, message)
  }
  t.same(heard, [])
})

t.test('a device that refuses, takes its time, or is gone', async (t) => {
  const { hub, told, bus, counters, profileDevices } = await opened()
  hub.device('1', plug)
  hub.refuse('1', 'no such thing')
  hub.accept('1', 1000)
  hub.leaveOut('x', 'not understood')
  t.same(told('denied'), [[topic, 'no such thing']])
  t.same(told('taken'), [[topic, 1000]])
  t.equal(counters.snapshot()['profile-left-out'], 1)
  hub.available('1', false)
  t.equal(profileDevices.isThere('devices/puppet/n'), false)
  hub.forget('1')
  t.match(bus.published, [{ topic, retain: true, payload: { bytes: Buffer.alloc(0) } }])
  t.equal(profileDevices.isThere('devices/puppet/n'), undefined)
})

t.test('what others command is followed, and told when it breaks a rule', async (t) => {
  const locked = new HubError('locked', 'expected nobody to command it')
  const { hub, hear, told, bus, counters } = await opened({ locked })
  hub.device('1', plug)
  hub.claim('1', 'raw/plug/command', () => hub.observe('1', { state: true }))
  hear(messageOn('raw/plug/command', 'ON'))
  hear(messageOn('raw/plug/command', 'ON', { client: 'home:assistant' }), false)
  hear(messageOn('raw/plug/command', 'ON'), false)
  t.same(told('observe'), [
    [topic, { state: true }, 'clown'],
    [topic, { state: true }, 'home'],
    [topic, { state: true }, 'unknown'],
  ])
  t.match(bus.published[0], { topic: `${topic}/error`, payload: { value: { code: 'locked' } } })
  t.equal(counters.snapshot()['rule-broken-past-the-hub'], 3)
})

t.test('what is no rule is a defect, which loses the message and is counted', async (t) => {
  const { hub, hear, counters } = await opened({ locked: new Error('broken') as HubError })
  hub.device('1', plug)
  hub.claim('1', 'raw/plug/command', () => hub.observe('1', { state: true }))
  hear(messageOn('raw/plug/command', 'ON'))
  t.equal(counters.snapshot()['profile-failed'], 1)
})

t.test('a failure when a time has come is counted', async (t) => {
  const { hub, clock, counters } = await opened()
  hub.clock.after(5, () => {
    throw new Error('late')
  })
  clock.step(5)
  t.equal(counters.snapshot()['profile-failed'], 1)
})

t.test('what was said before is found by topics and by patterns', async (t) => {
  const values = [messageOn('raw/a/lwt', 'online'), messageOn('raw/b', 'x')]
  const { hub, told, counters } = await opened({ values })
  const heard: string[] = []
  const isTold = new Promise<void>((resolve) => {
    hub.claim('1', 'raw/b', ({ topic: on, isPast }) => heard.push(`${on} ${isPast}`))
    hub.claim('1', '#/lwt', ({ topic: on }) => {
      heard.push(on)
      setImmediate(resolve)
    })
  })
  await isTold
  t.same(heard, ['raw/b true', 'raw/a/lwt'])
  t.same(told('forget'), [['raw/b'], ['raw/a/lwt']], 'and is no device of its own')
  t.equal(counters.snapshot()['profile-failed'], 1, 'and what cannot be read is counted')
})

t.test('once it is closed no time comes, and nothing is heard', async (t) => {
  const { close, hub, hear, clock, bus, told } = await opened()
  hub.device('1', plug)
  hub.claim('1', 'raw/plug', () => hub.report('1', { state: true }))
  hub.clock.after(5, () => hub.send({ topic: 'raw/plug/ask', payload: '' }))
  close()
  clock.step(5)
  hear(messageOn('raw/plug', 'ON'))
  t.same(bus.published, [])
  t.same(told('learn'), [])
})

t.test(
  'what is asked while profiles are opened is asked whenever the broker is there',
  async (t) => {
    const isAway = new HubError('bus-away', 'expected the broker to be there, it is not')
    const { bus, hub } = await opened({
      away: isAway,
      greeting: { topic: 'who/is/there', payload: '' },
    })
    t.same(bus.published, [], 'nobody would hear it yet')
    const become = (state: string) => bus.tell(messageOn('$SYS/hub/bus', JSON.stringify({ state })))
    become('away')
    t.same(bus.published, [])
    become('connected')
    become('connected')
    t.same(
      bus.published.map(({ topic }) => topic),
      ['who/is/there', 'who/is/there'],
    )
    hub.send({ topic: 'and/you', payload: '' })
    t.equal(bus.published.at(-1)?.topic, 'and/you', 'later it is asked at once')
  },
)
