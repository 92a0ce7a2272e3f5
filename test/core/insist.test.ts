import { pino } from 'pino'
import t from 'tap'
import { insist } from '../../src/core/insist.ts'
import { createInbox } from '../inbox.ts'

function openedLog() {
  const lines = createInbox<{ level: number; msg: string }>()
  return { lines, log: pino({}, { write: (line: string) => lines.put(JSON.parse(line)) }) }
}

t.test('each sentence is logged at once, and again and again until the end', async (t) => {
  const { log, lines } = openedLog()
  const end = insist(log, ['one', 'two'], 5)
  const said = () => lines.items.map(({ level, msg }) => `${level} ${msg}`)
  t.same(said(), ['40 one', '40 two'])
  while (lines.items.length < 6) await lines.next()
  t.same(new Set(said()), new Set(['40 one', '40 two']))
  end()
  const ended = lines.items.length
  const later = openedLog()
  t.teardown(insist(later.log, ['later'], 5))
  while (later.lines.items.length < 4) await later.lines.next()
  t.equal(lines.items.length, ended)
})
