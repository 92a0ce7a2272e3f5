import { pino } from 'pino'
import t from 'tap'
import {
  createCounters,
  createSampledLog,
  defectsTo,
  warnRepeatedly,
} from '../../src/core/sampled-log.ts'
import { createInbox } from '../inbox.ts'

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

function openedLog() {
  const lines = createInbox<{ level: number; msg: string }>()
  return { lines, log: pino({}, { write: (line: string) => lines.put(JSON.parse(line)) }) }
}

t.test('each sentence is logged at once, and again and again until the end', async (t) => {
  const { log, lines } = openedLog()
  const end = warnRepeatedly(log, ['one', 'two'], 5)
  const said = () => lines.items.map(({ level, msg }) => `${level} ${msg}`)
  t.same(said(), ['40 one', '40 two'])
  while (lines.items.length < 6) await lines.next()
  t.same(new Set(said()), new Set(['40 one', '40 two']))
  end()
  const ended = lines.items.length
  const later = openedLog()
  t.teardown(warnRepeatedly(later.log, ['later'], 5))
  while (later.lines.items.length < 4) await later.lines.next()
  t.equal(lines.items.length, ended)
})

t.test('F59: a defect is counted, and logged with where it was thrown', async (t) => {
  const counters = createCounters()
  const lines: unknown[] = []
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  const tell = defectsTo(createSampledLog(log, counters))
  tell(new TypeError('out of paper'))
  tell('no error')
  t.same(counters.snapshot(), { defects: 2 })
  t.match(lines, [{ kind: 'defects', reason: 'out of paper', stack: /sampled-log/ }])
})
