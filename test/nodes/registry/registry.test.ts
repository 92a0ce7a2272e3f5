import fc from 'fast-check'
import t from 'tap'
import { Payload } from '../../../src/core/payload.ts'
import { shapeOf } from '../../../src/nodes/clown-model.ts'
import { isDevice } from '../../../src/nodes/device.ts'
import { reportIntervalOf, withInterval } from '../../../src/nodes/registry/offline-detection.ts'
import { anyTopic } from '../../topics.ts'
import { changingPresence, openedNodes } from './opened-nodes.ts'

const base = 'nodes/bridge/0'
const thermometer = `${base}/thermometer/i2c0-48`

/** What a registry knows of devices: their names and roles. */
function rolesIn({ registry }: Opened) {
  const devices = registry.devicesBelow('').map(({ topic, role }) => [topic, role])
  return Object.fromEntries(devices)
}

t.test('a device is what reports: its last two levels, and before them its node', async (t) => {
  const nodes = await openedNodes(t)
  nodes.say(thermometer, { temperature: [20, '℃'] })
  nodes.say('pir/-', { 'event-count': 1 })
  nodes.say('lonely', 1)
  t.match(nodes.registry.device(thermometer), {
    name: 'thermometer/i2c0-48',
    kind: 'thermometer',
    node: { base },
  })
  t.same([...nodes.registry.nodes.keys()], [base, 'pir', 'lonely'])
  t.match(nodes.registry.device('lonely'), { name: 'lonely', node: { base: 'lonely' } })
})

t.test('whatever topics are, each is one device, at a place of its own', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(anyTopic, { maxLength: 20 }), async (topics) => {
      const { registry, say } = await openedNodes(t)
      const reports = topics.filter(isDevice)
      for (const topic of reports) say(topic, 1)
      const known = registry.devicesBelow('').map(({ topic }) => topic)
      t.same(known.sort(), reports.sort())
      for (const [base, { devices }] of registry.nodes) t.ok(base !== '' && devices.size > 0)
    }),
    { numRuns: 10 },
  )
})

t.test('devices are found below any base', async (t) => {
  const { registry, say } = await openedNodes(t)
  for (const topic of ['a/b/c/d', 'a/b/x/y', 'ab/x/y']) say(topic, 1)
  const below = (base: string) => registry.devicesBelow(base).map(({ topic }) => topic)
  t.same(below('a'), ['a/b/c/d', 'a/b/x/y'])
  t.same(below('a/b'), ['a/b/c/d', 'a/b/x/y'])
  t.same(below('ab'), ['ab/x/y'])
  t.same(below('b'), [])
  t.equal(below('').length, 3)
})

t.test(
  'a role follows from the kind, from what obeyed and from the list of the node',
  async (t) => {
    const nodes = await openedNodes(t)
    const { say } = nodes
    for (const name of ['relay/0', 'pir/-', 'push-button/0', 'heater/0', 'fan/0'])
      say(`n/${name}`, 1)
    say('n/boot', { 'reason-for-reset': 'power-on' })
    t.same(rolesIn(nodes), {
      'n/relay/0': 'actuator',
      'n/pir/-': 'sensor',
      'n/push-button/0': 'notification',
      'n/heater/0': 'sensor',
      'n/fan/0': 'sensor',
      'n/boot': 'notification',
    })
    say('n/pir/-/set', 1)
    say('n/fan/0/set', 1)
    t.match(
      rolesIn(nodes),
      { 'n/pir/-': 'sensor', 'n/fan/0': 'sensor' },
      'a command makes no actuator',
    )
    nodes.registry.obeyed('n/heater/0')
    nodes.registry.obeyed('n/heater/0')
    nodes.registry.obeyed('n/cooler/0')
    say('n/cooler/0/get', {})
    t.equal(nodes.registry.device('n/cooler/0'), undefined, 'only a report makes a device')
    say('n/cooler/0', 1)
    say('n/-/-/config/ok', { sensors: ['heater/0'], actuators: ['fan/0'], notifications: [] })
    t.match(rolesIn(nodes), {
      'n/heater/0': 'sensor',
      'n/cooler/0': 'actuator',
      'n/fan/0': 'actuator',
    })
    say('n/-/-/config/list/ok', { sensors: [], actuators: [], notifications: [] })
    t.match(rolesIn(nodes), { 'n/heater/0': 'actuator', 'n/fan/0': 'sensor' })
  },
)

t.test('what is only listed is known as long as it is listed', async (t) => {
  const nodes = await openedNodes(t)
  nodes.say('n/-/-/config/ok', { sensors: ['a/0', 'b/0'], actuators: [], notifications: [] })
  nodes.say('n/a/0', 1)
  nodes.say('n/-/-/config/ok', { sensors: ['c/0'], actuators: [], notifications: [] })
  t.same(Object.keys(rolesIn(nodes)).sort(), ['n/a/0', 'n/c/0'])
  nodes.say('x/-/-/config/ok', { sensors: [] })
  t.notOk(nodes.registry.nodes.has('x'), 'an empty list of a stranger makes no node')
})

t.test('a node tells of itself, before its first report or later', async (t) => {
  const { registry, say } = await openedNodes(t)
  say('n/clown.talk/-/config/ok', { 'firmware-release': '1.0', capabilities: 1 })
  say('n/boot', { 'reason-for-reset': 'x', 'firmware-release': '1.1' })
  t.same(registry.nodes.get('n')?.introduction, { firmware: '1.1', capabilities: 1 })
  say('boot', { 'reason-for-reset': 'x' })
  t.match(registry.device('boot'), { kind: 'boot', node: { base: 'boot', introduction: {} } })
  say('clown.talk/-/config/ok', { capabilities: 1 })
  t.same([...registry.nodes.keys()], ['n', 'boot'], 'what has no base has no name to be known by')
})

t.test('what a node without a base lists is known as long as it is listed', async (t) => {
  const nodes = await openedNodes(t)
  nodes.say('-/-/config/ok', { sensors: ['a/0', 'b/0'], actuators: ['lamp'] })
  nodes.say('n/-/-/config/ok', { sensors: ['c/0'] })
  t.same(rolesIn(nodes), {
    'a/0': 'sensor',
    'b/0': 'sensor',
    lamp: 'actuator',
    'n/c/0': 'sensor',
  })
  nodes.say('-/-/config/ok', { sensors: ['b/0'] })
  t.same(Object.keys(rolesIn(nodes)).sort(), ['b/0', 'n/c/0'])
})

t.test('whoever invents nodes without devices gets so many', async (t) => {
  const { registry, say } = await openedNodes(t, { devices: 2 })
  for (const base of ['a', 'b', 'c', 'a']) say(`${base}/clown.talk/-/config/ok`, {})
  t.same([...registry.nodes.keys()], ['a', 'b'])
})

t.test('an empty retained message takes a device away, and the last one its node', async (t) => {
  const { registry, say, clear, told, bus } = await openedNodes(t)
  say('n/a/0', 1)
  say('n/b/0', 1)
  clear('n/a/0')
  clear('n/unknown/0')
  t.equal(registry.device('n/a/0'), undefined)
  t.ok(bus.kept.has('$SYS/hub/nodes/n'))
  clear('n/b/0')
  t.notOk(registry.nodes.has('n'))
  await told.next(({ value }) => value === null)
  t.notOk(bus.kept.has('$SYS/hub/nodes/n'))
})

t.test('a sensor has a report interval, and is stale past three of them', async (t) => {
  const { registry, say, clock } = await openedNodes(t)
  for (const name of ['thermometer/0', 'relay/0', 'pir/-']) {
    for (let report = 0; report < 4; report++) {
      say(`n/${name}`, report)
      clock.advance(10_000)
    }
  }
  t.equal(registry.device('n/thermometer/0')?.reportIntervalMs, 10_000)
  t.equal(
    registry.device('n/relay/0')?.reportIntervalMs,
    undefined,
    'an actuator reports when it is asked',
  )
  t.equal(
    registry.device('n/pir/-')?.reportIntervalMs,
    undefined,
    'and this one when somebody walks past',
  )
})

t.test('past the bound the longest silent go first', async (t) => {
  const nodes = await openedNodes(t, { devices: 2 })
  for (const topic of ['a/x/0', 'b/x/0', 'a/x/0', 'c/x/0']) nodes.say(topic, 1)
  t.same(Object.keys(rolesIn(nodes)), ['a/x/0', 'c/x/0'])
  t.notOk(nodes.registry.nodes.has('b'), 'nor is there a node without devices')
  t.equal(nodes.counters.snapshot()['devices-forgotten'], 1)
})

t.test('F65: what finds no room is no device, and the hub is as it was', async (t) => {
  const { registry, told } = await openedNodes(t, { devices: 2 })
  hear(registry, { topic: 'n/x/0', user: 'ann' })
  hear(registry, { topic: 'n/x/1', user: 'ann' })
  const known = registry.devicesBelow('')
  hear(registry, { topic: 'm/x/0', user: 'bob' })
  t.same(registry.device('n/x/0'), undefined, 'ann had most')
  t.ok(registry.device('m/x/0'))
  // Everybody has as many now: who comes later finds no room, however often and by whatever way.
  for (const topic of ['e/x/0', 'e/x/0', 'e/boot']) {
    t.equal(hear(registry, { topic, user: 'eve' }), undefined)
    t.equal(registry.device(topic), undefined, topic)
  }
  hear(registry, { topic: 'e/-/-/config/ok', user: 'eve', value: { sensors: ['x/1'] } })
  registry.declare('devices/p/1/relay/-')
  t.equal(registry.device('e/x/1'), undefined)
  t.equal(registry.device('devices/p/1/relay/-'), undefined)
  t.same(
    registry.devicesBelow('').map(({ topic }) => topic),
    ['n/x/1', 'm/x/0'],
  )
  t.same([...registry.nodes.keys()], ['n', 'm'], 'nor is there a node of it')
  t.equal(registry.device('n/x/1'), known[1])
  await told.next(({ base, value }) => base === 'm' && value !== null)
  t.notOk(told.items.some(({ base, value }) => base === 'e' && value !== null))
})

t.test('a node that somebody may sign in as stays without devices', async (t) => {
  const presence = changingPresence({ n: false })
  const { registry, say, clear, told } = await openedNodes(t, { presence })
  t.ok(registry.nodes.has('n'))
  say('n/a/0', 1)
  clear('n/a/0')
  t.ok(registry.nodes.has('n'))
  presence.set('n', undefined)
  t.notOk(registry.nodes.has('n'))
  await told.next(({ base, value }) => base === 'n' && value === null)
})

const topic = fc
  .tuple(fc.constantFrom('', 'n/', 'm/'), fc.constantFrom('a', 'b', 'relay'), fc.nat({ max: 3 }))
  .map(([base, kind, address]) => `${base}${kind}/${address}`)
const step = fc.oneof(
  fc.record({
    report: topic,
    afterMs: fc.nat({ max: 5000 }),
    user: fc.constantFrom('a', 'b', 'c'),
  }),
  fc.record({ clear: topic }),
  fc.record({ declare: topic }),
  fc.record({ list: fc.uniqueArray(fc.constantFrom('a/0', 'b/1', 'z/0', 'boot')) }),
)

type Opened = Awaited<ReturnType<typeof openedNodes>>
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

function take(next: Step, { say, clear, clock, registry }: Opened): void {
  if ('clear' in next) clear(next.clear)
  else if ('declare' in next) registry.declare(next.declare)
  else if ('list' in next) say('n/-/-/config/ok', { sensors: next.list })
  else {
    clock.advance(next.afterMs)
    hear(registry, { topic: next.report, user: next.user })
  }
}

function topicOf(next: Step): string {
  if ('clear' in next) return next.clear
  if ('declare' in next) return next.declare
  return 'list' in next ? '' : next.report
}

interface Saying {
  readonly topic: string
  readonly user: string
  readonly value?: unknown
}

/** Lets somebody say something; returns the device that it was remembered to be of. */
function hear(registry: Opened['registry'], { topic, user, value = 1 }: Saying) {
  const payload = Payload.ofJson(JSON.stringify(value), value)
  const record: Parameters<typeof registry.learn>[1] = {
    ...{ shape: shapeOf(topic), device: undefined, user },
  }
  registry.learn({ topic, payload, qos: 0, retain: false, client: `${user}:x` }, record)
  return record.device
}

/** Whether every device is known once, with its node, and every node but those has devices. */
function isWhole({ registry }: Opened): boolean {
  const devices = registry.devicesBelow('')
  const isEach = devices.every(
    (device) =>
      registry.device(device.topic) === device &&
      registry.nodes.get(device.node.base) === device.node &&
      !device.isForgotten,
  )
  return isEach && [...registry.nodes.values()].every(({ devices }) => devices.size > 0)
}

t.test('what is said once it is closed is not learned any more', async (t) => {
  const { registry, say, close } = await openedNodes(t)
  say('n/a/0', 1)
  await close()
  say('n/b/0', 1)
  t.same(
    registry.devicesBelow('').map(({ topic }) => topic),
    ['n/a/0'],
  )
})

t.test(
  'whatever is said, the devices are within their bound, and all is of one piece',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        const nodes = await openedNodes(t, { devices: 5 })
        const areWhole = steps.every((next) => {
          take(next, nodes)
          const known = nodes.registry.devicesBelow('')
          const found = nodes.registry.device(topicOf(next))
          const isAmongThem = found === undefined || known.includes(found)
          return known.length <= 5 && isAmongThem && isWhole(nodes)
        })
        await nodes.close()
        return areWhole
      }),
    )
    t.pass()
  },
)

t.test(
  'whenever a sensor reports, its report interval is that of its latest reports',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 5000 }), { maxLength: 30 }), async (intervals) => {
        const { registry, say, clock, close } = await openedNodes(t)
        say('n/a/0', 1)
        for (const interval of intervals) {
          clock.advance(interval)
          say('n/a/0', 1)
        }
        await close()
        const expected = reportIntervalOf(intervals.reduce<readonly number[]>(withInterval, []))
        return registry.device('n/a/0')?.reportIntervalMs === expected
      }),
    )
    t.pass()
  },
)
