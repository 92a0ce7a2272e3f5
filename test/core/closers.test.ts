import t from 'tap'
import { createClosers } from '../../src/core/closers.ts'

t.test('what was opened last is closed first, each once', async (t) => {
  const closers = createClosers()
  const closed: string[] = []
  for (const name of ['store', 'broker', 'port']) {
    closers.add(() => {
      closed.push(name)
    })
  }
  await Promise.all([closers.closeAll(), closers.closeAll()])
  t.same(closed, ['port', 'broker', 'store'])
})

t.test('what cannot be closed does not keep the rest open', async (t) => {
  const closers = createClosers()
  const closed: string[] = []
  closers.add(() => {
    closed.push('store')
  })
  closers.add(() => Promise.reject(new Error('busy')))
  closers.add(() => {
    throw new Error('broken')
  })
  const failure = await closers.closeAll().catch((error: unknown) => error)
  t.same(closed, ['store'])
  t.match(failure, { errors: [{ message: 'broken' }, { message: 'busy' }] })
})
