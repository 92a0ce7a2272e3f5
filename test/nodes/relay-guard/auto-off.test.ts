import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { createDeviceRules } from '../../../src/nodes/relay-guard/device-rules.ts'
import { createRelayGuard } from '../../../src/nodes/relay-guard/relay-guard.ts'
import { guarded, guardedAt } from './guarded.ts'

const hourMs = 3_600_000

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const rules = [{ topic: 'nodes/#', autoOffSeconds: 60, minIntervalMilliseconds: 0, perSecond: 0 }]

t.test('a device that was asked to turn on is turned off after its time', async (t) => {
  const { guard, ask, clock, turnedOff } = await guarded(t, rules)
  guard.start()
  ask(relay, true)
  ask('elsewhere/relay/-', true)
  clock.step(59_999)
  t.same(turnedOff, [])
  clock.step(1)
  t.same(turnedOff, [`${relay} false`])
})

t.test(
  'a device that turns on by itself too, and its further reports change nothing',
  async (t) => {
    const { tell, clock, turnedOff } = await guarded(t, rules)
    tell(relay, true)
    clock.step(59_000)
    tell(relay, true)
    clock.step(1000)
    t.same(turnedOff, [`${relay} false`])
  },
)

t.test(
  'a new command to turn on starts the time anew; one to turn off does not end it',
  async (t) => {
    const { ask, clock, turnedOff } = await guarded(t, rules)
    ask(relay, true)
    clock.step(59_000)
    ask(relay, true)
    ask(relay, false)
    clock.step(59_000)
    t.same(turnedOff, [])
    clock.step(1000)
    t.same(turnedOff, [`${relay} false`])
  },
)

t.test('a report of off ends it', async (t) => {
  const { ask, tell, clock, turnedOff, stored } = await guarded(t, rules)
  tell(relay, false)
  ask(relay, true)
  tell(relay, false)
  clock.step(60_000)
  t.same(turnedOff, [])
  t.notOk((await stored()).some((key) => key.startsWith('auto-off/')))
})

t.test('a bare word turns on and off, too, and the time outlives a restart', async (t) => {
  const before = await guarded(t, rules)
  before.guard.sent({ device: 'nodes/espurna/relay/0', asked: 1 })
  before.guard.reported('nodes/tasmota/relay/1', 'ON')
  before.guard.reported('nodes/homie/relay/on', true)
  before.guard.reported('nodes/homie/relay/off', false)
  const { clock, turnedOff } = await before.restart()
  clock.step(60_000)
  t.same(turnedOff.sort(), [
    'nodes/espurna/relay/0 0',
    'nodes/homie/relay/on false',
    'nodes/tasmota/relay/1 "OFF"',
  ])
})

t.test('off is told in the type of the state that is on', async (t) => {
  const { ask, clock, turnedOff } = await guarded(t, rules)
  for (const [at, state] of [true, '1-dot', 255].entries()) ask(`nodes/led/${at}`, state)
  clock.step(60_000)
  t.same(turnedOff, ['nodes/led/0 false', 'nodes/led/1 off', 'nodes/led/2 0'])
})

t.test('it is tried again, less and less often, until the device reports off', async (t) => {
  const { tell, clock, turnedOff } = await guarded(t, rules)
  tell(relay, true)
  clock.step(60_000)
  const pauses = [5, 10, 20, 40, 80, 160, 300, 300]
  for (const seconds of pauses) {
    const before = turnedOff.length
    clock.step(seconds * 1000 - 1)
    tell(relay, true)
    t.equal(turnedOff.length, before)
    clock.step(1)
    t.equal(turnedOff.length, before + 1, `${seconds} seconds`)
  }
  tell(relay, false)
  clock.step(3_600_000)
  t.equal(turnedOff.length, pauses.length + 1)
})

t.test('a refusal of the command is logged, and nothing else', async (t) => {
  const { tell, clock, counters } = await guarded(t, rules, {
    onDue: () => {
      throw new Error('refused')
    },
  })
  tell(relay, true)
  clock.step(60_000)
  t.same(counters.snapshot(), { 'auto-off-failed': 1 })
})

t.test('when its node comes online it is tried at once', async (t) => {
  const { guard, ask, clock, turnedOff } = await guarded(t, rules)
  const other = 'nodes/bridge/1/relay/-'
  const young = 'nodes/bridge/0/relay/young'
  ask(relay, true)
  ask(other, true)
  clock.step(60_000)
  ask(young, true)
  t.equal(turnedOff.length, 2)
  guard.nodeOnline('nodes/bridge/0')
  clock.step(0)
  t.same(turnedOff.slice(2), [`${relay} false`])
})

t.test('a locked device is turned off when it is unlocked', async (t) => {
  const { guard, ask, clock, turnedOff, lockedDevices } = await guarded(t, rules)
  ask(relay, true)
  guard.lockOuts.lock(relay, { by: 'ann', reason: 'x' })
  t.same(lockedDevices, [relay])
  clock.step(600_000)
  t.same(turnedOff, [])
  guard.lockOuts.unlock(relay)
  clock.step(0)
  t.same(turnedOff, [`${relay} false`])
})

t.test('what came due while the hub was down is turned off when it starts', async (t) => {
  const first = await guarded(t, rules)
  first.ask(relay, true)
  first.ask('nodes/bridge/1/relay/-', true)
  first.clock.step(30_000)
  first.tell('nodes/bridge/2/relay/-', true)
  const second = await first.restart(30_000)
  second.clock.step(0)
  t.same(second.turnedOff, [`${relay} false`, 'nodes/bridge/1/relay/- false'])
  const third = await second.restart(0, [{ topic: relay, autoOffSeconds: 60 }])
  third.clock.step(1000)
  t.same(third.turnedOff.slice(2), [`${relay} false`], 'the others have no rule now')
})

t.test('a clock that was set back while the hub was down leaves nothing on', async (t) => {
  const first = await guarded(t, rules)
  first.ask(relay, true)
  first.time.jumpsMs = -86_400_000
  const second = await first.restart()
  second.clock.step(60_000)
  t.same(second.turnedOff, [`${relay} false`])
})

t.test('devices that are known to be on from a former run are turned off too', async (t) => {
  const known = [relay, 'nodes/bridge/1/relay/-', 'nodes/bridge/2/relay/-']
  const first = await guarded(t, rules, { known })
  first.reports.set(relay, { state: true })
  first.reports.set('nodes/bridge/1/relay/-', { state: false })
  first.ask('nodes/bridge/1/relay/-', true)
  const second = await first.restart()
  second.clock.step(60_000)
  t.same(second.turnedOff.sort(), [`${relay} false`, 'nodes/bridge/1/relay/- false'])
})

t.test('nothing is turned off before it was started, nor after it was closed', async (t) => {
  const { guard, ask, clock, turnedOff, parts } = await guarded(t, rules)
  const other = await createRelayGuard({
    ...parts,
    rules: createDeviceRules({ timeoutSeconds: 5, rules }),
  })
  other.sent({ device: 'nodes/bridge/1/relay/-', asked: { state: true } })
  ask(relay, true)
  guard.close()
  clock.step(600_000)
  t.same(turnedOff, [])
  other.start()
  clock.step(0)
  t.same(turnedOff, ['nodes/bridge/1/relay/- false'])
  other.close()
})

t.test(
  'F24: the time of day may jump by a day, and nothing is turned off early or late',
  async (t) => {
    const { ask, clock, time, turnedOff } = await guarded(t, rules)
    ask(relay, true)
    time.jumpsMs = 86_400_000
    clock.step(59_999)
    t.same(turnedOff, [])
    time.jumpsMs = -86_400_000
    clock.step(1)
    t.same(turnedOff, [`${relay} false`])
  },
)

t.test('without a clock it takes the one of the process', async (t) => {
  const { parts } = await guarded(t, [])
  const due = new EventEmitter()
  const { clock: _still, ...living } = parts
  const guard = await createRelayGuard({
    ...living,
    rules: createDeviceRules({ timeoutSeconds: 5, rules: [{ autoOffSeconds: 0.02 }] }),
    onDue: (device) => due.emit('off', device),
  })
  t.teardown(guard.close)
  const keepRunning = setTimeout(t.fail, 10_000)
  const turnedOff = once(due, 'off')
  guard.sent({ device: relay, asked: { state: true } })
  guard.start()
  t.same(await turnedOff, [relay])
  clearTimeout(keepRunning)
})

t.test(
  'F54: past the share of a node, no device is turned on that could not be turned off',
  async (t) => {
    const { ask, tell, clock, turnedOff, counters, restart } = await guarded(t, rules)
    tell(relay, true)
    for (let at = 0; at < 5001; at++) tell(`nodes/bad/relay/${at}`, true)
    t.equal(counters.snapshot()['auto-off-refused'], 1)
    t.throws(() => ask('nodes/bad/relay/5000', true), { code: 'too-many' })
    ask('nodes/bad/relay/5000', false)
    ask('nodes/bad/relay/4999', true)
    ask('nodes/good/relay/0', true)
    tell('nodes/bad/relay/0', false)
    tell('nodes/bad/relay/0', false)
    ask('nodes/bad/relay/5000', true)
    for (let at = 0; at < 4998; at++) tell(`nodes/other/relay/${at}`, true)
    t.throws(() => ask('nodes/last/relay/0', true), { code: 'too-many' })
    clock.step(60_000)
    t.equal(turnedOff[0], `${relay} false`)
    t.equal(turnedOff.length, 10_000)
    const again = await restart()
    t.throws(() => again.ask('nodes/last/relay/0', true), { code: 'too-many' })
  },
)

t.test('a device is turned off at a time of day, whenever it was turned on', async (t) => {
  const rules = [{ topic: '#', autoOffAt: '22:00' }]
  const around = guardedAt('2026-01-15T20:59:00Z')
  const { guard, tell, clock, turnedOff } = await guarded(t, rules, {
    ...around,
    timeZone: 'Europe/Prague',
  })
  tell('n/relay/a', true)
  clock.step(59_000)
  t.same(turnedOff, [])
  clock.step(1000)
  t.same(turnedOff, ['n/relay/a false'])
  tell('n/relay/a', false)
  tell('n/relay/a', true)
  clock.step(23 * hourMs)
  t.equal(turnedOff.length, 1, 'who turns it on at night has it until the next evening')
  clock.step(hourMs)
  t.equal(turnedOff.length, 2)
  guard.close()
})

t.test(
  'what was away or came due while the hub was down is turned off when that ends',
  async (t) => {
    const rules = [{ topic: '#', autoOffAt: '22:00' }]
    const around = guardedAt('2026-01-15T20:00:00Z')
    const { tell, turnedOff, restart, clock } = await guarded(t, rules, {
      ...around,
      timeZone: 'UTC',
    })
    tell('n/relay/a', true)
    clock.step(hourMs)
    const again = await restart(2 * hourMs)
    again.clock.step(0)
    t.same(turnedOff, ['n/relay/a false'], 'an hour late, and not tomorrow')
    again.clock.step(1000)
    again.guard.nodeOnline('n')
    again.clock.step(0)
    t.equal(turnedOff.length, 2, 'who comes back is told at once')
    const relaxed = await again.restart(0, [])
    relaxed.clock.step(48 * hourMs)
    t.equal(turnedOff.length, 2, 'without a rule it may stay on')
  },
)

t.test('the earlier of a time of day and a time that has passed counts', async (t) => {
  const rules = [{ topic: '#', autoOffAt: '22:00', autoOffSeconds: 60 }]
  const around = guardedAt('2026-01-15T21:58:00Z')
  const { tell, clock, turnedOff } = await guarded(t, rules, { ...around, timeZone: 'UTC' })
  tell('n/relay/a', true)
  clock.step(60_000)
  t.equal(turnedOff.length, 1)
  tell('n/relay/a', false)
  clock.step(30_000)
  tell('n/relay/a', true)
  clock.step(30_000)
  t.equal(turnedOff.length, 2)
})

t.test('a clock that was wrong at the start, and is set then, is followed', async (t) => {
  const rules = [
    { topic: 'n/relay/a', autoOffAt: '22:00' },
    { topic: 'n/relay/b', autoOffAt: '22:00', autoOffSeconds: 7200 },
    { topic: 'n/relay/c', autoOffSeconds: 7200 },
  ]
  const around = guardedAt('1970-01-01T00:00:00Z')
  const { tell, clock, time, turnedOff } = await guarded(t, rules, { ...around, timeZone: 'UTC' })
  for (const device of ['a', 'b', 'c']) tell(`n/relay/${device}`, true)
  time.jumpsMs += Date.parse('2026-01-15T20:59:00Z')
  clock.step(60_000)
  clock.step(hourMs)
  t.same(turnedOff, ['n/relay/a false', 'n/relay/b false'])
})

t.test('all gangs of a device are turned off, whichever was asked for', async (t) => {
  const rules = [{ topic: '#', autoOffSeconds: 60, interlock: 'pumps' }]
  const { guard, reports, clock, turnedOff } = await guarded(t, rules)
  const device = 'n/relay/a'
  guard.reported(device, { state_left: true, state_right: false })
  reports.set(device, { state_left: true, state_right: false })
  guard.sent({ device, asked: { state_right: true } })
  t.throws(() => guard.check({ device: 'n/relay/b', asked: { state_left: true } }), {
    code: 'interlocked',
  })
  clock.step(60_000)
  t.same(turnedOff, [`${device} {"state_left":false,"state_right":false}`])
  guard.reported(device, { state_left: false, state_right: false })
  t.equal(guard.check({ device: 'n/relay/b', asked: { state_left: true } }), undefined)
})

t.test(
  'a rule that is another one now counts at once, but never for longer than before',
  async (t) => {
    const plain = createDeviceRules({ timeoutSeconds: 5, rules: [] })
    let autoOffMs = 0
    const { guard, tell, reports, clock, turnedOff } = await guarded(t, [], {
      rules: (device) => ({ ...plain(device), autoOffMs }),
    })
    reports.set(relay, { state: true })
    const rule = (ms: number) => {
      autoOffMs = ms
      guard.ruled(relay)
    }
    rule(0)
    clock.step(hourMs)
    rule(60_000)
    clock.step(30_000)
    rule(hourMs)
    clock.step(30_000)
    t.same(turnedOff, [`${relay} false`], 'it was on already')
    tell(relay, false)
    tell(relay, true)
    rule(10_000)
    clock.step(10_000)
    t.equal(turnedOff.length, 2)
    rule(0)
    clock.step(hourMs)
    t.equal(turnedOff.length, 2, 'it is turned off no more')
  },
)
