import { pino } from 'pino'
import t from 'tap'
import { createCounters } from '../../src/core/counters.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'

t.test('of many alike one is logged a second, and all are counted', async (t) => {
  const lines: Record<string, unknown>[] = []
  const counters = createCounters()
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  let nowMs = 0
  const sampledLog = createSampledLog(log, counters, () => nowMs)
  for (let at = 0; at < 5; at++) sampledLog.warn('odd', { at }, 'something odd')
  sampledLog.warn('other', {}, 'something else')
  nowMs = 1000
  sampledLog.warn('odd', { at: 5 }, 'something odd')
  t.match(lines, [
    { kind: 'odd', at: 0, leftOut: 0, msg: 'something odd' },
    { kind: 'other', leftOut: 0 },
    { kind: 'odd', at: 5, leftOut: 4 },
  ])
  t.equal(lines.length, 3)
  t.same(counters.snapshot(), { odd: 6, other: 1 })
})
