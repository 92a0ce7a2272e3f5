import t from 'tap'
import { guarded } from './guarded.ts'

const [up, down, other] = ['shutter/0/relay/up', 'shutter/0/relay/down', 'shutter/0/relay/other']
const rules = [
  { topic: 'shutter/0/relay/up', interlock: 'shutter' },
  { topic: 'shutter/0/relay/down', interlock: 'shutter' },
  { topic: 'shutter/0/motor/+', interlock: 'shutter' },
]

t.test('of a group only one is turned on, and the refusal names the other', async (t) => {
  const { ask, tell } = await guarded(t, rules)
  ask(up, true)
  const started = 'expected the other devices of interlock "shutter" to be off, but '
  t.throws(() => ask(down, true), {
    code: 'interlocked',
    message: `${started}${up} was asked to turn on and has not been off for long enough`,
  })
  tell(up, true)
  t.throws(() => ask(down, true), { code: 'interlocked', message: `${started}${up} is on` })
  ask(other, true)
  ask(down, false)
})

t.test('turning off is always allowed, and the same device may be turned on again', async (t) => {
  const { ask, tell, clock } = await guarded(t, rules)
  ask(up, true)
  tell(up, true)
  clock.step(200)
  ask(up, true)
  ask(down, false)
  clock.step(200)
  ask(up, false)
})

t.test('off is off in whatever words devices say it', async (t) => {
  const { guard, ask } = await guarded(t, rules)
  const [one, two] = ['shutter/0/motor/1', 'shutter/0/motor/2']
  for (const off of ['OFF', 'off', '0', 'false', 0, false]) {
    ask(one, true)
    guard.reported(one, { state: true })
    guard.sent({ device: one, asked: off })
    guard.reported(one, off)
    guard.check({ device: two, asked: true })
    guard.reported(one, { state: 'ON' })
    t.throws(() => guard.check({ device: two, asked: 'ON' }), { code: 'interlocked' })
    guard.check({ device: two, asked: off })
    guard.reported(one, { state: off })
  }
})

t.test('a device is off when it says so, and not when it is asked to be', async (t) => {
  const { ask, tell, clock } = await guarded(t, rules)
  ask(up, true)
  tell(up, true)
  clock.step(200)
  ask(up, false)
  t.throws(() => ask(down, true), { code: 'interlocked' })
  tell(up, false)
  ask(down, true)
})

t.test('a report of off may be older than the command that turned on', async (t) => {
  const { ask, tell, clock } = await guarded(t, rules)
  ask(up, true)
  tell(up, false)
  tell(up, false)
  t.throws(() => ask(down, true), { code: 'interlocked' })
  clock.step(4999)
  t.throws(() => ask(down, true), { code: 'interlocked' })
  clock.step(1)
  ask(down, true)
  clock.step(5000)
  tell(down, false)
  ask(up, true)
})

t.test('asked anew, a device that was on is uncertain again', async (t) => {
  const { ask, tell, clock } = await guarded(t, rules)
  ask(up, true)
  tell(up, true)
  clock.step(200)
  ask(up, false)
  clock.step(200)
  ask(up, true)
  tell(up, false)
  t.throws(() => ask(down, true), { code: 'interlocked' })
})

t.test('what a device was not asked for counts by its report', async (t) => {
  const { ask, tell } = await guarded(t, rules)
  tell(up, true)
  tell(up, true)
  t.throws(() => ask(down, true), { code: 'interlocked' })
  tell(up, undefined)
  t.throws(() => ask(down, true), { code: 'interlocked' }, 'this report says nothing of it')
  tell(up, false)
  tell(up, undefined)
  tell(up, false)
  ask(down, true)
})

t.test('states of every type are on or off', async (t) => {
  const { ask, tell } = await guarded(t, rules)
  const [one, two] = ['shutter/0/motor/one', 'shutter/0/motor/two']
  for (const [on, off] of [
    ['slow', 'off'],
    [128, 0],
    [true, false],
  ]) {
    tell(one, on)
    t.throws(() => ask(two, on), { code: 'interlocked' }, `${on}`)
    ask(two, off)
    tell(one, off)
    t.doesNotThrow(() => ask(two, on), `${off}`)
    tell(two, on)
    tell(two, off)
  }
})

t.test('a command whose state cannot be read may turn on', async (t) => {
  const { guard, ask } = await guarded(t, rules)
  for (const asked of [null, [], 'on', { speed: 1 }]) {
    guard.sent({ device: 'shutter/0/motor/one', asked })
    t.throws(() => ask('shutter/0/motor/two', true), { code: 'interlocked' })
  }
})

t.test('a restart forgets neither what is on nor what is uncertain', async (t) => {
  const first = await guarded(t, rules)
  first.ask(up, true)
  const second = await first.restart()
  t.throws(() => second.ask(down, true), { code: 'interlocked' })
  second.tell(up, true)
  const third = await second.restart()
  t.throws(() => third.ask(down, true), { code: 'interlocked' })
  third.tell(up, false)
  const fourth = await third.restart()
  fourth.ask(down, true)
  fourth.tell(down, false)
  fourth.time.jumpsMs = -86_400_000
  const fifth = await fourth.restart()
  t.throws(() => fifth.ask(up, true), { code: 'interlocked' })
  fifth.clock.step(5000)
  fifth.ask(up, true)
})

t.test('with another configuration groups are what it says', async (t) => {
  const first = await guarded(t, rules)
  first.ask(up, true)
  const second = await first.restart(0, [])
  second.ask(down, true)
  t.match(await second.stored(), [/^interlock/, /^switch-rate/, /^switch-rate/])
})

t.test('devices that are known from a former run count by their last values', async (t) => {
  const first = await guarded(t, [], { known: [up, down] })
  first.reports.set(up, { state: true })
  const second = await first.restart(0, rules)
  t.throws(() => second.ask(down, true), { code: 'interlocked' })
  second.tell(up, false)
  second.ask(down, true)
  const third = await second.restart()
  t.throws(() => third.ask(up, true), { code: 'interlocked' }, 'what was asked for is newer')
})

t.test(
  'F54: past the share of a node, no device is turned on that nobody would know of',
  async (t) => {
    const { ask, tell, counters } = await guarded(t, [
      { topic: 'nodes/bad/#', interlock: 'bad' },
      { topic: 'nodes/good/#', interlock: 'good' },
    ])
    tell('nodes/good/relay/0', true)
    for (let at = 0; at < 5001; at++) tell(`nodes/bad/relay/${at}`, true)
    t.equal(counters.snapshot()['interlock-refused'], 1)
    for (let at = 0; at < 5000; at++) tell(`nodes/bad/relay/${at}`, false)
    for (let at = 0; at < 5000; at++) tell(`nodes/bad/lamp/${at}`, true)
    for (let at = 0; at < 5000; at++) tell(`nodes/bad/lamp/${at}`, false)
    ask('nodes/bad/relay/1', true)
    t.throws(() => ask('nodes/good/relay/1', true), { code: 'interlocked' })
  },
)
