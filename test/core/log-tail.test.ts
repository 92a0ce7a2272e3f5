import { pino } from 'pino'
import t from 'tap'
import { createLogTail, type TailedLine } from '../../src/core/log-tail.ts'

t.test('whoever listens is told each line, which goes where it went before', async (t) => {
  const written: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => written.push(line) })
  const tail = createLogTail(log)
  const lines: TailedLine[] = []
  const stop = tail.onLine((line) => lines.push(line))
  log.warn({ kind: 'odd', password: 'secret' }, 'something odd')
  log.child({}).info('something')
  log.info({ only: 'fields' })
  log.debug('too quiet')
  t.match(lines, [
    { kind: 'odd', text: 'something odd' },
    { kind: undefined, text: 'something' },
    { text: '' },
  ])
  t.notMatch(JSON.stringify(lines), /secret/)
  t.ok(Number(lines[0]?.atMs) > 0)
  stop()
  log.info('nobody listens')
  tail.close()
  log.info('nor now')
  t.equal(lines.length, 3)
  t.equal(written.length, 5)
})
