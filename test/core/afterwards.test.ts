import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import { createAfterwards } from '../../src/core/afterwards.ts'

t.test('what can wait is done in order, after the turn', async (t) => {
  const afterwards = createAfterwards()
  const done: number[] = []
  await new Promise<void>((resolve) => {
    afterwards.do(() => done.push(1))
    afterwards.do(() => {
      done.push(2)
      afterwards.do(resolve)
    })
    t.same(done, [])
  })
  t.same(done, [1, 2])
})

t.test('at the end nothing waits any more', async (t) => {
  const afterwards = createAfterwards()
  const done: number[] = []
  afterwards.do(() => done.push(1))
  afterwards.close()
  t.same(done, [1])
  await turnOver()
  afterwards.close()
  t.same(done, [1])
})
