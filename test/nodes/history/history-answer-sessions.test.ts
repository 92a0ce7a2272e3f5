import t, { type Test } from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import { Payload } from '../../../src/core/payload.ts'
import {
  createHistoryAnswers,
  type HistorySource,
} from '../../../src/nodes/history/history-answer.ts'
import { createQuestionTurns } from '../../../src/nodes/history/question-turns.ts'
import { historyIn, midnight } from '../../history/opened-history.ts'
import { setClock } from '../../history/set-clock.ts'
import { toldProblems } from '../../history/told-problems.ts'
import { createInbox } from '../../inbox.ts'
import { lastingStore } from '../../store/lasting-store.ts'

const empty = Payload.ofJson('{}', {})

/** Somebody who asks a history with one point of `n/a`; `change` may break it. */
async function asking(t: Test, change: Partial<HistorySource> = {}, isShed = false) {
  const history = await historyIn(await lastingStore())
  history.add({ topic: 'n/a', quantity: 'value', unit: undefined, at: midnight, value: 7 }, false)
  const { sampledLog, told: problems } = toldProblems()
  const answers = createInbox<[topic: string, value: unknown, options?: unknown]>()
  const clock = setClock(midnight + 1000)
  const questions = createQuestionTurns({ note: () => {}, sheds: () => isShed })
  const open = createHistoryAnswers({
    ...{ clock, questions, sampledLog },
    history: { ...history, ...change },
  })
  const answering = open({
    base: 'n',
    user: 'ann',
    mayRead: (topic) => topic === 'n/a',
    tell: (topic, { value }, options) => answers.put([topic, value, options]),
  })
  t.teardown(answering.close)
  return { answering, answers, problems }
}

t.test('the last day of a device is told, with the id of who asked', async (t) => {
  const { answering, answers } = await asking(t)
  t.ok(answering.history('a/history/get', empty, { id: 'x', other: 1 }))
  t.match(await answers.next(), [
    'a/history/ok',
    { from: String, columns: Array, series: [{ topic: 'a', quantity: 'value', type: 'number' }] },
    { id: 'x' },
  ])
  t.ok(answering.history('a/history/get', empty, { other: 1 }))
  t.same((await answers.next())[2], undefined)
  t.notOk(answering.history('a/get', empty))
  const range = { from: midnight, to: midnight + 1, points: 1 }
  answering.history('a/history/get', Payload.ofJson(JSON.stringify(range), range))
  t.match(await answers.next(), [
    'a/history/ok',
    { bucketMs: 1, series: [{ points: [[midnight, 1, 7, 7, 7, 7, 7]] }] },
  ])
})

t.test(
  'a history that cannot be read is said to be so, and the next one is answered',
  async (t) => {
    const { answering, answers, problems } = await asking(t, {
      lostUntil: (tier) => {
        if (problems.length === 0 && tier === 'raw') throw new TypeError('of the disk')
        return 0
      },
    })
    answering.history('a/history/get', empty, { id: 1 })
    const message = 'expected to read the history, but it cannot be read'
    t.same(await answers.next(), [
      'a/history/get/error',
      { code: 'cannot-read-store', message },
      { id: 1 },
    ])
    await new Promise(setImmediate)
    t.same(problems, ['history-failed'])
    answering.history('a/history/get', empty)
    t.match(await answers.next(), ['a/history/ok'])
  },
)

t.test('who asks for too much at once is told so, and who is gone is told nothing', async (t) => {
  const { answering, answers } = await asking(t)
  // One is being answered, and 64 wait.
  for (let count = 0; count < 65; count++) answering.history('a/history/get', empty)
  t.throws(() => answering.history('a/history/get', empty), {
    code: 'too-fast',
    message: 'expected at most 64 requests to wait for an answer, got more',
  })
  await answers.next()
  answering.close()
  const before = answers.items.length
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.ok(answers.items.length <= before + 1)
})

t.test('what is not said as it should be is refused', async (t) => {
  const { answering } = await asking(t)
  const ask = (value: unknown) => () =>
    answering.history('a/history/get', Payload.ofJson(JSON.stringify(value), value))
  for (const value of [1, 'x', [], true]) t.throws(ask(value), HubError, JSON.stringify(value))
  t.throws(ask({ from: 'x' }), { code: 'bad-payload' })
})

t.test('F66: who costs most is refused while the hub is overloaded', async (t) => {
  const { answering } = await asking(t, {}, true)
  t.throws(() => answering.history('a/history/get', empty), { code: 'too-fast' })
})
