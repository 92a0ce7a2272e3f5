import t from 'tap'
import { createQuestionTurns } from '../../../src/nodes/history/question-turns.ts'

/** QuestionTurns whose answers end when they are told to. */
function asked(isShed = false) {
  const noted: string[] = []
  const load = { note: (user: string) => void noted.push(user), sheds: () => isShed }
  const questions = createQuestionTurns(load)
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const answers = new Map<string, Promise<void>>()
  const ask = (user: string, name: string) => {
    questions.check(user)
    const act = () =>
      new Promise<void>((resolve) => {
        begun.push(name)
        ends.set(name, resolve)
      })
    answers.set(name, questions.answer(user, act))
  }
  const end = async (name: string) => {
    ends.get(name)?.()
    await answers.get(name)
    await Promise.resolve()
  }
  return { questions, noted, begun, ask, end }
}

t.test('F65: who asks much waits for the others, and two are answered at once', async (t) => {
  const { begun, noted, ask, end } = asked()
  for (const name of ['a1', 'a2', 'a3', 'a4']) ask('a', name)
  ask('b', 'b1')
  ask('b', 'b2')
  await Promise.resolve()
  t.same(begun, ['a1', 'a2'])
  await end('a1')
  await end('a2')
  t.same(begun, ['a1', 'a2', 'a3', 'b1'])
  await end('a3')
  await end('b1')
  t.same(begun.slice(4), ['a4', 'b2'])
  t.same(noted, ['a', 'a', 'a', 'b'])
})

t.test(
  'F65: past 64 that wait, those of one user are refused, and those of others are not',
  async (t) => {
    const { ask } = asked()
    for (let at = 0; at < 66; at++) ask('a', String(at))
    t.throws(() => ask('a', 'more'), { code: 'too-fast', message: /at most 64 questions/ })
    t.doesNotThrow(() => ask('b', 'b1'))
  },
)

t.test('F65: a question that fails ends its turn', async (t) => {
  const { questions, begun, ask } = asked()
  const broken = () => Promise.reject(new Error('of the disk'))
  await t.rejects(questions.answer('a', broken), { message: 'of the disk' })
  await t.rejects(questions.answer('a', broken), { message: 'of the disk' })
  ask('a', 'next')
  await Promise.resolve()
  t.same(begun, ['next'])
})

t.test('F66: who costs most is refused while the hub is overloaded', async (t) => {
  t.throws(() => asked(true).questions.check('a'), { code: 'too-fast' })
})
