import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { Deadlines } from '../../src/mqtt/deadlines.ts'
import { steppedClock } from '../clock.ts'

/** Deadlines, and what was told of them. */
function startDeadlines({ idleSeconds = 0 } = {}) {
  const clock = steppedClock()
  const told: string[] = []
  const state = { isHeldBack: false, hasSubscriptions: false }
  const deadlines = new Deadlines({
    limits: { connectSeconds: 5, keepAliveSeconds: 300, idleSeconds },
    clock,
    isHeldBack: () => state.isHeldBack,
    hasSubscriptions: () => state.hasSubscriptions,
    onMissed: ({ counter }) => told.push(counter),
    onSilence: (isSilent) => told.push(isSilent ? 'silent' : 'heard'),
  })
  /** Lets time go by, and answers what was told meanwhile. */
  const pass = async (seconds: number) => {
    told.length = 0
    clock.step(seconds * 1000)
    await turnOver()
    return [...told]
  }
  return { deadlines, state, told, pass }
}

t.test('CONNECT is awaited first', async (t) => {
  const { pass } = startDeadlines()
  t.same(await pass(4), [])
  t.same(await pass(1), ['mqtt-no-connect'])
})

t.test('a client is cut one and a half keep-alives after its last packet', async (t) => {
  const { deadlines, pass } = startDeadlines()
  deadlines.connected(60)
  t.same(await pass(80), [])
  deadlines.heard()
  t.same(await pass(89), [])
  t.same(await pass(1), ['mqtt-keep-alive'])
})

t.test('who promises nothing is never cut, and counts as silent after the bound', async (t) => {
  const { deadlines, pass } = startDeadlines()
  deadlines.connected(0)
  t.same(await pass(449), [])
  t.same(await pass(1), ['silent'])
  t.same(await pass(86_400), [], 'which is told once')
  deadlines.heard()
  t.same(await pass(449), [])
  t.same(await pass(1), ['silent'])
})

t.test('being heard again is told at once', async (t) => {
  const { deadlines, told, pass } = startDeadlines()
  deadlines.connected(0)
  await pass(450)
  deadlines.heard()
  deadlines.heard()
  t.same(told, ['silent', 'heard'])
})

t.test('a keep-alive past the bound is kept, and the client counts as silent before', async (t) => {
  const { deadlines, pass } = startDeadlines()
  deadlines.connected(65_535)
  t.same(await pass(450), ['silent'])
  t.same(await pass(65_535 * 1.5 - 451), [])
  t.same(await pass(1), ['mqtt-keep-alive'])
})

t.test('a keep-alive within the bound ends before anybody counts as silent', async (t) => {
  const { deadlines, pass } = startDeadlines()
  deadlines.connected(300)
  t.same(await pass(449), [])
  t.same(await pass(1), ['mqtt-keep-alive'])
})

t.test('who has nothing to do is cut only where that is configured', async (t) => {
  const { deadlines, state, pass } = startDeadlines({ idleSeconds: 600 })
  deadlines.connected(3600)
  t.same(await pass(599), ['silent'])
  deadlines.heard()
  t.same(await pass(599), ['silent'], 'each packet, a ping too, is a sign of life')
  state.hasSubscriptions = true
  t.same(await pass(600), [])
  state.hasSubscriptions = false
  t.same(await pass(600), ['mqtt-idle'])
})

t.test('much of a packet that is not complete is a sign of life, and little is not', async (t) => {
  const { deadlines, pass } = startDeadlines()
  deadlines.connected(60)
  t.same(await pass(30), [])
  deadlines.received(10_000)
  t.same(await pass(30), [])
  deadlines.received(10_000)
  for (let drop = 0; drop < 8; drop++) {
    t.same(await pass(10), [])
    deadlines.received(1)
  }
  t.same(await pass(9), [])
  t.same(await pass(1), ['mqtt-keep-alive'])
})

t.test('the silence of a client that is not read does not count', async (t) => {
  const { deadlines, state, pass } = startDeadlines()
  deadlines.connected(60)
  state.isHeldBack = true
  t.same(await pass(90), [])
  state.isHeldBack = false
  t.same(await pass(89), [], 'it has another try')
  t.same(await pass(1), ['mqtt-keep-alive'])
})

t.test('what came while the event loop stood still is read first', async (t) => {
  const { deadlines, pass } = startDeadlines()
  deadlines.connected(60)
  const passed = pass(90)
  deadlines.heard()
  t.same(await passed, [])
})

t.test('nothing is awaited of a client that is gone', async (t) => {
  const { deadlines, pass } = startDeadlines({ idleSeconds: 600 })
  deadlines.connected(60)
  const passed = pass(90)
  deadlines.clear()
  t.same(await passed, [], 'not even what was missed already')
  t.same(await pass(100_000), [])
})
