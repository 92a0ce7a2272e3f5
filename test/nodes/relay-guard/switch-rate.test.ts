import t from 'tap'
import { guarded } from './guarded.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const led = 'nodes/bridge/0/led/-'

t.test('a relay is not switched twice within its interval, in either direction', async (t) => {
  for (const [first, second] of [
    [true, false],
    [false, true],
  ]) {
    const { ask, clock } = await guarded(t, [])
    ask(relay, first)
    clock.step(35.5)
    const message = 'expected at least 200 ms between switches, got 35 ms: try again in 165 ms'
    t.throws(() => ask(relay, second), { code: 'too-fast', message })
    clock.step(164.5)
    ask(relay, second)
  }
})

t.test('asking for the same state again is no switch', async (t) => {
  const { ask, clock } = await guarded(t, [])
  ask(relay, true)
  clock.step(150)
  ask(relay, true)
  clock.step(50)
  ask(relay, false)
})

t.test('asking for what it reports already is no switch', async (t) => {
  const { ask, reports } = await guarded(t, [])
  reports.set(relay, { state: true })
  ask(relay, true)
  ask(relay, false)
  t.throws(() => ask(relay, true), { code: 'too-fast' })
})

t.test('what is another state than asked for before, or reported since, is a switch', async (t) => {
  const { ask, tell, clock } = await guarded(t, [])
  ask(relay, true)
  tell(relay, true)
  tell(relay, false)
  tell(relay, false)
  t.throws(() => ask(relay, true), { code: 'too-fast' }, 'it was switched off by hand')
  t.throws(() => ask(relay, false), { code: 'too-fast' }, 'or the report is an old one')
  clock.step(200)
  ask(relay, true)
})

t.test('a relay takes five commands in any second, whatever they ask for', async (t) => {
  const { ask, clock } = await guarded(t, [])
  for (let count = 0; count < 5; count++) {
    ask(relay, true)
    clock.step(100)
  }
  const message =
    'expected at most 5 commands a second to this device, got more: try again in 500 ms'
  t.throws(() => ask(relay, true), { code: 'too-fast', message })
  clock.step(500)
  ask(relay, true)
  t.throws(() => ask(relay, true), { code: 'too-fast' })
  clock.step(100)
  ask(relay, true)
})

t.test('other kinds are limited only where a rule says so', async (t) => {
  const { ask, stored } = await guarded(t, [])
  for (let count = 0; count < 20; count++) ask(led, count % 2 === 0 ? 'on' : 'off')
  t.same(await stored(), [])
  const slow = await guarded(t, [{ topic: led, minIntervalMilliseconds: 1000 }])
  slow.ask(led, 'on')
  for (let count = 0; count < 20; count++) slow.ask(led, 'on')
  t.throws(() => slow.ask(led, '1-dot'), { code: 'too-fast' })
  const few = await guarded(t, [{ kind: 'led', perSecond: 2 }])
  few.ask(led, 'on')
  few.ask(led, 'off')
  t.throws(() => few.ask(led, 'on'), { code: 'too-fast' })
})

t.test('a long state counts as another one each time', async (t) => {
  const { ask } = await guarded(t, [{ minIntervalMilliseconds: 1000 }])
  ask('display/-', 'x'.repeat(100))
  t.throws(() => ask('display/-', 'x'.repeat(100)), { code: 'too-fast' })
})

t.test('a payload without a state is one as a whole', async (t) => {
  const { guard } = await guarded(t, [{ minIntervalMilliseconds: 1000 }])
  guard.sent({ device: 'valve/a', asked: [1] })
  guard.check({ device: 'valve/a', asked: [1] })
  for (const asked of [null, [2], {}, 1]) {
    t.match(guard.check({ device: 'valve/a', asked }), { waitMs: Number })
  }
})

t.test('a restart forgets neither the interval nor the rate', async (t) => {
  const first = await guarded(t, [])
  first.ask(relay, true)
  const second = await first.restart(100)
  t.throws(() => second.ask(relay, false), { code: 'too-fast' })
  for (let count = 0; count < 4; count++) second.ask(relay, true)
  const third = await second.restart(100)
  t.throws(() => third.ask(relay, true), { code: 'too-fast' })
  third.clock.step(800)
  third.ask(relay, false)
})

t.test('a clock that was set back while the hub was down blocks nothing for long', async (t) => {
  const first = await guarded(t, [])
  first.ask(relay, true)
  first.time.jumpsMs = -86_400_000
  const second = await first.restart()
  t.throws(() => second.ask(relay, false), { code: 'too-fast' })
  second.clock.step(200)
  second.ask(relay, false)
})

t.test(
  'F54: what was sent the longest ago is forgotten first, and never before its time',
  async (t) => {
    const { ask, clock, counters, stored } = await guarded(t, [{ minIntervalMilliseconds: 2000 }])
    ask('relay/first', true)
    for (let at = 1; at < 10_000; at++) ask(`relay/${at}`, true)
    clock.step(1999)
    t.throws(() => ask('relay/first', false), { code: 'too-fast' })
    t.throws(() => ask('relay/new', true), { code: 'too-fast' }, 'a new one waits')
    t.equal((await stored()).length, 10_000)
    clock.step(1)
    ask('relay/new', true)
    t.throws(() => ask('relay/new', false), { code: 'too-fast' })
    t.equal((await stored()).length, 10_000)
    t.notOk((await stored()).includes('switch-rate/relay/first'))
    t.equal(counters.snapshot()['switch-rate-full'], 1)
  },
)

t.test(
  'F54: one that was only asked again for its state is forgotten a second later',
  async (t) => {
    const { ask, clock, reports } = await guarded(t, [{ minIntervalMilliseconds: 5000 }])
    reports.set('relay/first', { state: true })
    ask('relay/first', true)
    for (let at = 1; at < 10_000; at++) ask(`relay/${at}`, true)
    t.throws(() => ask('relay/new', true), { code: 'too-fast' })
    clock.step(1000)
    ask('relay/new', true)
  },
)

t.test('of a relay that no profile knows, only what turns on or off counts', async (t) => {
  const isKnown = () => false
  const lamp = 'zigbee2mqtt/relay/kitchen'
  const { guard, clock } = await guarded(t, [{ topic: 'x/#', perSecond: 1 }], { isKnown })
  const waits = (device: string, asked: unknown) => {
    const tooSoon = guard.check({ device, asked })
    if (tooSoon === undefined) guard.sent({ device, asked })
    return tooSoon !== undefined
  }
  t.notOk(waits(lamp, { state: 'ON' }))
  for (let level = 0; level < 25; level++) t.notOk(waits(lamp, { brightness: level }))
  t.ok(waits(lamp, { state: 'OFF', brightness: 1 }))
  clock.step(200)
  t.notOk(waits(lamp, { state: 'OFF', brightness: 1 }), 'what was free does not count later')
  t.notOk(waits('x/relay/0', { brightness: 1 }))
  t.ok(waits('x/relay/0', { brightness: 2 }), 'a rule that says so holds for all')
})
