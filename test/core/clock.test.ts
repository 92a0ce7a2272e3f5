import t from 'tap'
import { processClock } from '../../src/core/clock.ts'

t.test('the clock of the process calls once, after the time, unless it is stopped', async (t) => {
  const startedAtMs = processClock.now()
  const stop = processClock.after(1, t.fail)
  stop()
  const keepRunning = setTimeout(t.fail, 10_000)
  await new Promise<void>((resolve) => processClock.after(20, resolve))
  clearTimeout(keepRunning)
  // A timer of Node may come a millisecond early.
  t.ok(processClock.now() - startedAtMs >= 19)
})
