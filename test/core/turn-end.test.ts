import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { createTurnEnd } from '../../src/core/turn-end.ts'

t.test('tasks run once at the end of the turn, in the order they were added', async (t) => {
  const turnEnd = createTurnEnd()
  const ran: string[] = []
  const task = (name: string) => ({ flush: () => ran.push(name) })
  turnEnd.add(task('first'))
  turnEnd.add({
    flush: () => {
      ran.push('second')
      turnEnd.add(task('next turn'))
    },
  })
  t.same(ran, [], 'not at once')
  await turnOver()
  t.same(ran, ['first', 'second'])
  await turnOver()
  t.same(ran, ['first', 'second', 'next turn'])
})
