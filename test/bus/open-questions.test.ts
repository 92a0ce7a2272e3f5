import t from 'tap'
import { asAnswer, asQuestion, OpenQuestions } from '../../src/bus/foreign/open-questions.ts'
import { steppedClock } from '../clock.ts'

function opened() {
  const clock = steppedClock()
  const questions = new OpenQuestions(clock)
  const ends: string[] = []
  const ask = (id: string, beat: number, term = 7) =>
    questions.add(id, { term, beat, lost: (end, reason) => ends.push(`${id} ${end}: ${reason}`) })
  return { clock, questions, ends, ask }
}

t.test(
  'three later beats of the owner, or the next owner, prove that nothing was taken',
  async (t) => {
    const { questions, ends, ask, clock } = opened()
    ask('a', 4)
    ask('b', 5)
    questions.prove({ term: 6, beat: 90 })
    questions.prove({ term: 7 })
    questions.prove({ term: 7, beat: 6 })
    t.same(ends, [])
    questions.prove({ term: 7, beat: 7 })
    t.match(ends, [/^a not-taken: /])
    questions.prove({ term: 8 })
    t.match(ends, [/^a/, /^b not-taken: /])
    clock.step(10_000)
    t.equal(ends.length, 2)
  },
)

t.test('without a proof nobody knows, and after five seconds nobody waits', async (t) => {
  const { questions, ends, ask, clock } = opened()
  ask('a', 4)
  clock.step(4999)
  ask('b', 4)
  t.same(ends, [])
  clock.step(1)
  t.match(ends, [/^a unknown: /])
  questions.deaf('the broker is away')
  t.match(ends, [/^a/, /^b unknown: the broker is away$/])
})

t.test('what is answered, or cannot be asked, is open no more', async (t) => {
  const { questions, ends, ask, clock } = opened()
  ask('a', 4)
  questions.answered('a')
  ask('b', 4)
  questions.unsent('b', 'forbidden')
  clock.step(10_000)
  questions.deaf('the broker is away')
  t.match(ends, [/^b not-taken: .*: forbidden$/])
})

t.test('what is no question is none, and what is no answer neither', async (t) => {
  const question = { id: '1', from: 'a', term: 7, beat: 4, question: { topic: 'n' } }
  t.same(asQuestion(question), question)
  for (const wrong of ['1', { ...question, from: 'a/b' }, { ...question, question: 'n' }]) {
    t.equal(asQuestion(wrong), undefined)
  }
  t.same(asAnswer({ id: '1', answer: 'no' }), { id: '1', answer: 'no' })
  for (const wrong of ['1', { answer: 'no' }]) t.equal(asAnswer(wrong), undefined)
})
