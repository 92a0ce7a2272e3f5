import t from 'tap'
import { systemClock } from '../../src/core/clock.ts'

t.test('the clock of the process calls once, after the time, unless it is stopped', async (t) => {
  const startedAtMs = systemClock.nowMs()
  const stop = systemClock.after(1, t.fail)
  stop()
  const keepRunning = setTimeout(t.fail, 10_000)
  await new Promise<void>((resolve) => systemClock.after(20, resolve))
  clearTimeout(keepRunning)
  // A timer of Node may come a millisecond early.
  t.ok(systemClock.nowMs() - startedAtMs >= 19)
})
