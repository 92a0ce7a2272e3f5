import t from 'tap'
import { createListeners } from '../../src/core/listeners.ts'

t.test('listeners are told in the order they came, until they have enough', async (t) => {
  const { add, tell } = createListeners<[what: string, count: number]>()
  const heard: string[] = []
  const stop = add((what, count) => heard.push(`first ${what} ${count}`))
  add((what) => heard.push(`second ${what}`))
  tell('a', 1)
  stop()
  stop()
  tell('b', 2)
  t.same(heard, ['first a 1', 'second a', 'second b'])
})

t.test('who stops while all are told does not keep the others from it', async (t) => {
  const { add, tell } = createListeners<[]>()
  const heard: string[] = []
  const stop = add(() => {
    heard.push('first')
    stop()
  })
  add(() => heard.push('second'))
  tell()
  tell()
  t.same(heard, ['first', 'second', 'second'])
})
