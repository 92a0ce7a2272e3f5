import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { Deadlines } from '../../../src/bus/guard/deadlines.ts'
import { checkConfig } from '../../../src/config.ts'

// Each test has deadlines of its own, and mostly waits for them.
t.jobs = 6

/** Deadlines of a second, and what was missed of them. */
function startDeadlines(t: Test) {
  const limits = { mqtt: { connectSeconds: 1, idleSeconds: 1 } }
  const { mqtt } = checkConfig({ users: { clown: { password: 'bigclown' } }, limits }).limits
  const misses = new EventEmitter()
  let isHeldBack = false
  let hasSubscriptions = false
  const deadlines = new Deadlines({
    limits: mqtt,
    isHeldBack: () => isHeldBack,
    hasSubscriptions: () => hasSubscriptions,
    onMissed: ({ counter }) => misses.emit('missed', counter),
  })
  t.teardown(() => deadlines.clear())
  const holdBack = (value: boolean) => {
    isHeldBack = value
  }
  const subscribe = (value: boolean) => {
    hasSubscriptions = value
  }
  return { deadlines, holdBack, subscribe, missed: () => once(misses, 'missed') }
}

t.test('CONNECT is awaited first', async (t) => {
  t.same(await startDeadlines(t).missed(), ['mqtt-no-connect'])
})

t.test('then a message or a subscription', async (t) => {
  const { deadlines, missed } = startDeadlines(t)
  deadlines.connected(60)
  const before = performance.now()
  setTimeout(() => deadlines.published(), 500)
  t.same(await missed(), ['mqtt-idle'])
  t.ok(performance.now() - before > 1400, 'each message gives another second')
})

t.test('a subscriber may be idle, but not silent', async (t) => {
  const { deadlines, missed, subscribe } = startDeadlines(t)
  deadlines.connected(1)
  subscribe(true)
  const before = performance.now()
  setTimeout(() => deadlines.heard(), 1000)
  t.same(await missed(), ['mqtt-keep-alive'])
  t.ok(performance.now() - before > 2400, 'one and a half keep-alives after the last packet')
})

t.test('who has no subscription any more has to send something again', async (t) => {
  const { deadlines, missed, subscribe } = startDeadlines(t)
  deadlines.connected(60)
  subscribe(true)
  const before = performance.now()
  setTimeout(() => subscribe(false), 1500)
  t.same(await missed(), ['mqtt-idle'])
  t.ok(performance.now() - before > 1900)
})

t.test('the silence of a client that is not read does not count', async (t) => {
  const { deadlines, holdBack, subscribe, missed } = startDeadlines(t)
  holdBack(true)
  deadlines.connected(1)
  subscribe(true)
  const before = performance.now()
  setTimeout(() => holdBack(false), 2000)
  t.same(await missed(), ['mqtt-keep-alive'])
  t.ok(performance.now() - before > 2900, 'it has another try')
})

t.test('nothing is awaited of a client that is gone', async (t) => {
  const { deadlines, missed } = startDeadlines(t)
  deadlines.connected(1)
  deadlines.clear()
  const other = startDeadlines(t)
  other.deadlines.connected(1)
  other.subscribe(true)
  const first = await Promise.race([missed(), other.missed().then(() => 'the other')])
  t.equal(first, 'the other')
})
