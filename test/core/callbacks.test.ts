import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import {
  createClosers,
  createDeferred,
  createEndOfTick,
  createListeners,
} from '../../src/core/callbacks.ts'
import { followedDefects } from '../followed-defects.ts'

t.test('tasks run once at the end of the turn, in the order they were added', async (t) => {
  const endOfTick = createEndOfTick()
  const ran: string[] = []
  const task = (name: string) => ({ flush: () => ran.push(name) })
  endOfTick.add(task('first'))
  endOfTick.add({
    flush: () => {
      ran.push('second')
      endOfTick.add(task('next turn'))
    },
  })
  t.same(ran, [], 'not at once')
  await turnOver()
  t.same(ran, ['first', 'second'])
  await turnOver()
  t.same(ran, ['first', 'second', 'next turn'])
})

t.test('what is last at the end of a turn comes behind all the rest of it', async (t) => {
  const endOfTick = createEndOfTick()
  const ran: string[] = []
  endOfTick.addLast({ flush: () => ran.push('last') })
  endOfTick.add({ flush: () => ran.push('first') })
  endOfTick.add({ flush: () => ran.push('second') })
  await turnOver()
  t.same(ran, ['first', 'second', 'last'])
})

t.test('F59: what one task or act throws keeps no other from its turn', async (t) => {
  const ran: string[] = []
  const defects = followedDefects(t)
  const endOfTick = createEndOfTick()
  const deferred = createDeferred()
  const fail = (text: string) => () => {
    throw new Error(text)
  }
  endOfTick.add({ flush: fail('first') })
  endOfTick.add({ flush: () => ran.push('second') })
  endOfTick.addLast({ flush: fail('last') })
  await turnOver()
  deferred.do(fail('act'))
  deferred.do(() => ran.push('other act'))
  deferred.close()
  t.same(ran, ['second', 'other act'])
  t.match(defects.items, [{ message: 'first' }, { message: 'last' }, { message: 'act' }])
})

t.test('what can wait is done in order, after the turn', async (t) => {
  const deferred = createDeferred()
  const done: number[] = []
  await new Promise<void>((resolve) => {
    deferred.do(() => done.push(1))
    deferred.do(() => {
      done.push(2)
      deferred.do(resolve)
    })
    t.same(done, [])
  })
  t.same(done, [1, 2])
})

t.test('at the end nothing waits any more', async (t) => {
  const deferred = createDeferred()
  const done: number[] = []
  deferred.do(() => done.push(1))
  deferred.close()
  t.same(done, [1])
  await turnOver()
  deferred.close()
  t.same(done, [1])
})

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

t.test(
  'F59: what one listener throws is told as a defect, and the others hear all the same',
  async (t) => {
    const defects = followedDefects(t)
    const { add, tell } = createListeners<[what: string]>()
    const heard: string[] = []
    add((what) => {
      throw new Error(`no ${what}`)
    })
    add((what) => heard.push(what))
    tell('a')
    tell('b')
    t.same(heard, ['a', 'b'])
    t.match(defects.items, [{ message: 'no a' }, { message: 'no b' }])
  },
)

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

t.test('what does not end is named, and leaves time to what comes behind it', async (t) => {
  const left: object[] = []
  let end = () => {}
  const late = new Promise<void>((resolve) => {
    end = resolve
  })
  const closed: string[] = []
  const log = { error: (line: object) => left.push(line) }
  const closers = createClosers({ mostMs: 40, log })
  closers.add(() => {
    closed.push('store')
  }, 'store')
  closers.add(() => Promise.reject(new Error('busy')))
  closers.add(() => late, 'bus')
  closers.add(() => late)
  const failure = await closers.closeAll().catch((error: unknown) => error)
  end()
  const event = 'not-ended'
  t.same(left, [
    { event, part: 'a part' },
    { event, part: 'bus' },
  ])
  t.same(closed, ['store'])
  t.match(failure, { errors: [{ code: 'not-ended' }, { code: 'not-ended' }, { message: 'busy' }] })
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
