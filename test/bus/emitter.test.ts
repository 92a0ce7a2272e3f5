import abstractTests from 'mqemitter/abstractTest.js'
import t, { type Test } from 'tap'
import { type Emitted, Emitter } from '../../src/bus/emitter.ts'

/** What each test of the suite gets from its runner. */
type SuiteContext = Parameters<Parameters<SuiteOptions['test']>[1]>[0]
type SuiteOptions = Parameters<typeof abstractTests>[0]

function fail(error: unknown): void {
  throw error
}

/** What no filter of MQTT is like: other signs for wildcards, and levels that may not be empty. */
const others = /changing|not match empty/

t.test("passes mqemitter's abstract suite", async (t) => {
  let count = 0
  const running: Promise<unknown>[] = []
  abstractTests({
    builder: () => new Emitter(fail),
    test: (title, run) => {
      if (others.test(title)) return
      count++
      running.push(t.test(title, (t) => run(contextOf(t))))
    },
  })
  await Promise.all(running)
  t.equal(count, 19, 'all of it that is of MQTT')
})

function contextOf(t: Test): SuiteContext {
  return {
    assert: {
      ok: (value, message = '') => t.ok(value, message),
      equal: (found, wanted, message = '') => t.equal(found, wanted, message),
      deepEqual: (found, wanted, message = '') => t.same(found, wanted, message),
      ifError: (error) => t.error(error),
    },
    plan: (count) => t.plan(count),
    fail: (message) => t.fail(message),
  }
}

/** An emitter, and what its listeners heard. */
function openedEmitter() {
  const errors: unknown[] = []
  const heard: string[] = []
  const emitter = new Emitter((error) => errors.push(error))
  const listen = (filter: string, name = filter) => {
    const listener = ({ topic }: Emitted) => {
      heard.push(`${name} ${topic}`)
    }
    emitter.on(filter, listener)
    return () => emitter.removeListener(filter, listener)
  }
  return { emitter, errors, heard, listen }
}

t.test('who is remembered for a topic follows each change of subscriptions', async (t) => {
  const { emitter, heard, listen } = openedEmitter()
  const told = (topic: string) => {
    heard.length = 0
    emitter.emit({ topic })
    return heard.map((line) => line.split(' ')[0])
  }
  t.same(told('a/b'), [])
  const stop = listen('a/+')
  t.same(told('a/b'), ['a/+'])
  t.same(told('a/b'), ['a/+'])
  listen('#')
  t.same(told('a/b').sort(), ['#', 'a/+'])
  stop()
  t.same(told('a/b'), ['#'])
})

t.test('nobody is forgotten when more topics and listeners come than are remembered', async (t) => {
  const { emitter, heard, listen } = openedEmitter()
  listen('#')
  for (let count = 0; count < 10_100; count++) emitter.emit({ topic: `t/${count}` })
  t.equal(heard.length, 10_100)
  for (let count = 0; count < 50; count++) listen('many/#', `${count}`)
  for (let count = 0; count < 2100; count++) emitter.emit({ topic: `many/${count}` })
  t.equal(heard.length, 10_100 + 2100 * 51)
})

t.test('what is emitted meanwhile is told to all after what it follows from', async (t) => {
  const { emitter, heard, listen } = openedEmitter()
  const done: string[] = []
  listen('#', 'first')
  emitter.on('question', () => {
    emitter.emit({ topic: 'answer' }, () => done.push('answer'))
  })
  listen('#', 'last')
  emitter.emit({ topic: 'question' }, () => {
    done.push('question')
    emitter.emit({ topic: 'thanks' })
  })
  const both = (topic: string) => [`first ${topic}`, `last ${topic}`]
  t.same(heard, [...both('question'), ...both('answer'), ...both('thanks')])
  t.same(done, ['question', 'answer'])
})

t.test('waits for no listener, and goes on after one that throws', async (t) => {
  const { emitter, errors, heard, listen } = openedEmitter()
  emitter.on('#', () => {
    throw new Error('a defect')
  })
  listen('#')
  let isDone = false
  emitter.emit({ topic: 'a' }, () => {
    isDone = true
  })
  t.equal(isDone, true)
  t.same(heard, ['# a'])
  t.match(errors, [{ message: 'a defect' }])
  t.equal(emitter.current, 0)
})

t.test('goes on after somebody who throws when all is done', async (t) => {
  const { emitter, heard, listen } = openedEmitter()
  listen('#')
  const emit = () =>
    emitter.emit({ topic: 'a' }, () => {
      throw new Error('a defect')
    })
  t.throws(emit, /a defect/)
  emitter.emit({ topic: 'b' })
  t.same(heard, ['# a', '# b'])
})
