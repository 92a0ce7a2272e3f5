import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { createCommandRate } from '../../../src/nodes/commands/command-rate.ts'

t.test('each user has so many commands a second, on every device together', async (t) => {
  const counters = createCounters()
  let nowMs = 0
  const take = createCommandRate({
    limits: { perUserPerSecond: 10, userBurst: 10 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    now: () => nowMs,
  })
  for (let count = 0; count < 10; count++) take('ann')
  const message = 'expected at most 10 commands a second of one user, got more: try again in 100 ms'
  t.throws(() => take('ann'), { code: 'too-fast', message })
  take('bob')
  nowMs = 100
  take('ann')
  t.throws(() => take('ann'), { code: 'too-fast' })
  t.same(counters.snapshot(), { 'commands-too-fast': 2 })
})

t.test('without a clock it takes the one of the process', async (t) => {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const take = createCommandRate({ limits: { perUserPerSecond: 1, userBurst: 1 }, sampledLog })
  take('ann')
  t.throws(() => take('ann'), { code: 'too-fast' })
})
