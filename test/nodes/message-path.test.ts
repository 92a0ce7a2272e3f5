import { pino } from 'pino'
import t from 'tap'
import { noRights } from '../../src/access/rights.ts'
import { HubError } from '../../src/core/errors.ts'
import { Payload } from '../../src/core/payload.ts'
import { createDeviceTable } from '../../src/nodes/registry/device-table.ts'
import { clown } from '../senders.ts'
import {
  allowed,
  command,
  idleProfiles,
  messageOn,
  opened,
  outOfMemory,
  overloaded,
  report,
} from './opened-path.ts'

t.test('a report goes on the bus, and tells who waits for it', async (t) => {
  const { path, done } = opened()
  t.equal(path.enter(report, clown), report)
  const follows = [
    ['follow', 'n/thermometer/0'],
    ['heard', 'n/thermometer/0'],
  ]
  t.same(done, follows)
  const boot = messageOn('n/boot', '{}')
  t.equal(path.enter(boot, clown), boot)
  const doubt = ['doubt', 'n', 'has started']
  t.same(
    done,
    [...follows, doubt],
    'an event is the answer to nothing, and says that the node has started',
  )
  path.enter(messageOn('foreign/boot', '{}'), clown)
  t.equal(done.length, follows.length + 1, 'which others may not say')
})

t.test('a command goes out by its own life', async (t) => {
  const { path, done } = opened()
  t.equal(path.enter(command, clown), undefined)
  t.same(done, [['take', 'n/relay/0']])
})

t.test('what an actuator reports and nobody asked for is a change of its own', async (t) => {
  const { path, done, records } = opened()
  const changes = () => done.filter(([what]) => what === 'changed')
  const relay = createDeviceTable().add('n/relay/0')
  relay.role = 'actuator'
  for (const topic of ['n/relay/0', 'n/relay/answer']) {
    path.enter(messageOn(topic, '{"state":true}'), clown)
    t.same(changes(), [], 'it is not known yet')
    records.of(topic).device = relay
  }
  path.enter(messageOn('n/relay/answer', '{"state":true}'), clown)
  t.same(changes(), [], 'it was asked for')
  path.enter(messageOn('n/relay/0', '{"state":true}'), clown)
  t.same(changes(), [['changed', 'n/relay/0']])
})

t.test('reports of guarded devices are decoded for the guard, and no others', async (t) => {
  const { path, done } = opened()
  path.enter(messageOn('n/relay/0', '{"state":true}'), clown)
  t.same(done[0], ['guard', 'n/relay/0', { state: true }])
  path.enter(messageOn('n/led/0', '{"state":"on"}'), clown)
  t.equal(done.filter(([what]) => what === 'guard').length, 1)
})

t.test('of a node that others may not speak for, a report of others tells nothing', async (t) => {
  const { path, done } = opened()
  const foreign = messageOn('foreign/relay/0', '{"state":true}')
  t.equal(path.enter(foreign, clown), foreign)
  t.same(done, [['told by', 'foreign/relay/0', 'clown']])
})

t.test('the refusal of a command is told, but for topics and rights that are wrong', async (t) => {
  const { path, done } = opened()
  t.equal(path.enter(messageOn('n/relay/0/set', '"banana"'), clown), undefined)
  t.same(done, [['refuse', 'n/relay/0', 'bad-payload']])
  t.throws(() => path.enter(messageOn('n/+/0/set', '{}'), clown), { code: 'bad-topic' })
  t.throws(() => path.enter(command, allowed('read', 'write')), { code: 'forbidden' })
  t.throws(() => path.enter(messageOn('n/x/config/set', '1e999'), clown), { code: 'bad-payload' })
  t.equal(done.length, 1)
  const request = messageOn('elsewhere/x/config/set', '1e999')
  t.equal(path.enter(request, clown), request, 'where Clown.Model does not bind')
})

t.test('what is thrown at a command that nobody watches goes up', async (t) => {
  const error = new HubError('bad-payload', 'bad')
  const defect = new TypeError('a defect')
  for (const thrown of [error, defect]) {
    const { path } = opened({
      commands: {
        take: () => {
          throw thrown
        },
        refuse: (_request, refusal) => {
          throw refusal
        },
        reported: () => false,
        observe: () => {},
      },
    })
    t.throws(() => path.enter(command, clown), thrown)
  }
})

t.test('a payload that was not kept is refused', async (t) => {
  const { path, done } = opened()
  const payload = Payload.refused(new HubError('too-large', 'expected less'))
  t.throws(() => path.enter({ ...report, payload }, clown), { code: 'too-large' })
  t.equal(path.enter({ ...command, payload }, clown), undefined)
  t.same(done, [['refuse', 'n/relay/0', 'too-large']])
})

t.test('while the hub is overloaded it drops reports at QoS 0, and nothing else', async (t) => {
  const { path, counters, done } = opened({ load: overloaded })
  t.equal(path.enter(report, clown), undefined)
  t.equal(path.enter(command, clown), undefined)
  t.same(
    done,
    [['take', 'n/relay/0']],
    'who is dropped tells nothing, and a command is not dropped',
  )
  const kept = [
    messageOn('n/thermometer/0/config/set', '{}'),
    messageOn('n/thermometer/0/config/ok', '{}'),
    messageOn('n/boot', '{}'),
    { ...report, qos: 1 as const },
    { ...report, retain: true },
  ]
  for (const message of kept) t.equal(path.enter(message, clown), message, message.topic)
  t.match(counters.snapshot(), { 'reports-shed': 1 })
  t.throws(() => path.enter(messageOn('n/#', '1', { qos: 1 }), clown), { code: 'bad-topic' })
})

t.test('short of memory no value is retained, but delivered and taken away', async (t) => {
  const { path, counters } = opened({ load: outOfMemory })
  const value = { ...report, retain: true }
  t.same(path.enter(value, clown), { ...value, retain: false })
  const empty = { ...value, payload: new Payload(Buffer.alloc(0)) }
  t.equal(path.enter(empty, clown), empty)
  const acknowledged = { ...report, qos: 1 as const }
  t.equal(path.enter(acknowledged, clown), acknowledged)
  t.match(counters.snapshot(), { 'retained-refused': 1 })
})

t.test('what switches an actuator is not kept, and who may not retain is heard', async (t) => {
  const { path, counters } = opened()
  const power = messageOn('cmnd/lamp/POWER', 'ON', { retain: true })
  t.same(path.enter(power, clown), { ...power, retain: false })
  t.same(path.enter(report, allowed('write')), report)
  const value = { ...report, retain: true }
  t.same(path.enter(value, allowed('write')), { ...value, retain: false })
  t.equal(path.enter(value, allowed('write', 'retain')), value, 'what was decided is of one user')
  t.match(counters.snapshot(), { 'command-not-retained': 1, 'right-to-retain-missing': 1 })
})

t.test(
  'what arrived is remembered at once, and learned from a moment later in order',
  async (t) => {
    const { bus, done, settle, path } = opened()
    bus.publish(report)
    bus.publish(messageOn('n/silent/0'))
    bus.publish(messageOn('n/boot', '{}'))
    t.same(done.splice(0), [
      ['keep', 'n/thermometer/0'],
      ['keep', 'n/silent/0'],
    ])
    settle()
    t.same(done.splice(0), [
      ['learn', 'n/thermometer/0'],
      ['record', 'n/thermometer/0', true],
      ['learn', 'n/silent/0'],
      ['record', 'n/silent/0', false],
      ['learn', 'n/boot'],
      ['record', 'n/boot', false],
    ])
    bus.publish(report)
    path.close()
    bus.publish(report)
    t.same(
      done.map(([what]) => what),
      ['keep', 'learn', 'record'],
      'closed, it finishes, and hears no more',
    )
  },
)

t.test('commands, requests, answers and notifications are no values', async (t) => {
  const { bus, done } = opened()
  const topics = ['relay/x/set', 'a/b/get', 'a/b/config/set', 'a/b/config/ok', 'a/error', 'boot']
  for (const topic of topics) bus.publish(messageOn(`n/${topic}`, '{}'))
  t.same(done, [])
})

t.test(
  'reports of who is known and there are learned together, unless somebody waits',
  async (t) => {
    const quiet = opened()
    quiet.bus.publish(report)
    quiet.settle()
    quiet.done.length = 0
    const news = () => quiet.done.splice(0).map(([what]) => what)
    quiet.bus.publish(report)
    quiet.settle()
    t.same(news(), ['keep', 'learn', 'record'], 'whoever asks gets all')
    quiet.bus.publish(report)
    quiet.clock.step(99)
    t.same(news(), ['keep'])
    quiet.clock.step(1)
    t.same(news(), ['learn', 'record'])
    for (let count = 0; count < 1000; count++) quiet.bus.publish(report)
    t.equal(news().filter((what) => what === 'learn').length, 1000)
    const before = quiet.awaited()
    quiet.bus.publish({ ...report, retain: true })
    t.equal(quiet.awaited(), before + 1, 'what is retained is not put off')
    quiet.settle()
    for (const follower of ['nodes', 'recorder', 'device']) {
      const isSo = (what: string) => what === follower
      const { bus, settle, awaited } = opened({}, undefined, isSo)
      bus.publish(report)
      settle()
      bus.publish(report)
      t.equal(awaited(), 2, follower)
    }
  },
)

t.test('what is promised is recorded before anything can be acknowledged', async (t) => {
  const { bus, done } = opened()
  bus.publish(report)
  bus.publish({ ...report, topic: 'n/a/b', qos: 1 })
  t.same(
    done.map(([what, topic]) => `${what} ${topic}`),
    [
      'keep n/thermometer/0',
      'keep n/a/b',
      'learn n/thermometer/0',
      'record n/thermometer/0',
      'learn n/a/b',
      'record n/a/b',
    ],
  )
})

t.test('a device that was just heard of can be commanded', async (t) => {
  const { bus, path, done } = opened()
  bus.publish(report)
  path.enter(command, clown)
  t.same(
    done.map(([what]) => what),
    ['keep', 'learn', 'record', 'take'],
  )
})

t.test(
  'topics are remembered until there are too many, those that are refused never',
  async (t) => {
    const { records } = opened()
    const first = records.of('n/a/0')
    t.equal(records.of('n/a/0'), first)
    t.not(records.of('n/+'), records.of('n/+'))
    t.equal(records.of('n/relay/0').isGuarded, true)
    t.equal(records.of('n/relay/+').isGuarded, false, 'nor is a rule asked about it')
    records.of('n/a/0')
    for (let number = 0; number < 20_000; number++) records.of(`n/b/${number}`)
    t.not(records.of('n/a/0'), first)
    const long = records.of(`n/${'x'.repeat(60_000)}`)
    for (let number = 0; number < 70; number++) records.of(`n/${number}${'x'.repeat(60_000)}`)
    t.not(records.of(long.topic), long, 'nor too many characters')
    records.close()
  },
)

t.test('a warning is told once a topic, for so many topics', async (t) => {
  const lines: string[] = []
  const { path, counters } = opened({ log: pino({}, { write: (line) => lines.push(line) }) })
  for (let number = 0; number <= 1000; number++) {
    const power = messageOn(`cmnd/${number}/POWER`, 'ON', { retain: true })
    path.enter(power, clown)
    path.enter(power, clown)
  }
  t.equal(counters.snapshot()['command-not-retained'], 2002)
  t.equal(lines.length, 1000)
  t.match(lines[999], 'cmnd/999/POWER')
})

t.test(
  'what is said past the hub is followed as it is, and only what asks the hub is done',
  async (t) => {
    const { path, done } = opened()
    t.equal(path.overheard(report), true)
    t.equal(path.overheard(command), true)
    t.equal(path.overheard(messageOn('n/boot', '{}')), true)
    t.equal(path.overheard(messageOn('n/relay/0/config/set', '{}')), true)
    t.same(done, [
      ['follow', 'n/thermometer/0'],
      ['heard', 'n/thermometer/0'],
      ['observe', 'n/relay/0'],
      ['doubt', 'n', 'has started'],
    ])
    t.equal(path.overheard(messageOn('devices/p/x/relay/1/set', '{"state":true}')), false)
    t.match(done.at(-1), ['take', 'devices/p/x/relay/1'])
    t.equal(path.overheard(messageOn('devices/p/x/relay/1', 'true')), false)
  },
)

t.test('what a broker has kept says that there is a device, and not what it is now', async (t) => {
  const { done, bus } = opened()
  bus.publish(messageOn('n/relay/0', '{"state":true}', { retain: true, isPast: true }))
  bus.publish(messageOn('devices/p/x/relay/1', 'true', { retain: true, isPast: true }))
  bus.publish(messageOn('n/relay/0/set', 'true', { retain: true, isPast: true }))
  t.same(done, [
    ['forget value', 'n/relay/0'],
    ['declare', 'n/relay/0'],
    ['was kept', 'n/relay/0'],
  ])
})

t.test('what would be said of a message is told, and nothing comes of it', async (t) => {
  const { path, done } = opened({
    profiles: {
      ...idleProfiles,
      askIn: (device) => {
        if (device === 'devices/p/x/relay/1') throw new HubError('bad-payload', 'no such word')
      },
    },
  })
  const judged = (topic: string, text?: string) => path.judge(messageOn(topic, text), clown)
  const fine = { refusal: undefined, problem: undefined }
  t.same(judged('n/relay/0/set', '{"state":true}'), fine)
  t.same(judged('n/thermometer/0', '{"temperature":[1,"°C"]}'), fine)
  const odd = judged('n/thermometer/0', '{"temperature":"warm"}')
  t.match(
    odd,
    { refusal: undefined, problem: /^expected \/temperature/ },
    'it goes on all the same',
  )
  const refused = (message: ReturnType<typeof messageOn>, by = clown) =>
    path.judge(message, by).refusal?.code
  t.equal(refused(messageOn('n/relay/0/set', '{"state":"x"}')), 'bad-payload')
  t.equal(refused(messageOn('n/relay/0/set', '{"state":true,"state":false}')), 'bad-payload')
  t.equal(refused(messageOn('devices/p/x/relay/1/set', '{"state":true}')), 'bad-payload')
  t.equal(refused(messageOn('a/#/b')), 'bad-topic')
  t.equal(refused(report, { ...clown, rights: noRights }), 'forbidden')
  const tooLarge = Payload.refused(new HubError('too-large', 'expected less'))
  t.equal(refused({ ...report, payload: tooLarge }), 'too-large')
  t.same(done, [])
})

t.test('what cannot go on the bus is refused', async (t) => {
  const error = new HubError('bus-away', 'expected the broker, got none')
  const { bus } = opened()
  const { path } = opened({ bus: { ...bus, refusalOf: () => error } })
  t.throws(() => path.enter(report, clown), error)
})

t.test('an overloaded hub drops what is said past it, and a defect goes up', async (t) => {
  t.equal(opened({ load: overloaded }).path.overheard(report), false)
  const defect = new TypeError('a defect')
  const { path } = opened({
    profiles: {
      ...idleProfiles,
      translate: () => {
        throw defect
      },
    },
  })
  const asked = messageOn('devices/p/x/relay/1/set', '{"state":true}')
  t.throws(() => path.overheard(asked), defect)
  const broken = { ...idleProfiles, askIn: () => path.overheard(asked) }
  t.throws(() => opened({ profiles: broken }).path.judge(asked, clown), defect)
})
