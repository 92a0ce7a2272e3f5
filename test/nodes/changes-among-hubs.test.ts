import t, { type Test } from 'tap'
import type { Unanswered } from '../../src/bus/foreign/open-questions.ts'
import { createListeners } from '../../src/core/callbacks.ts'
import { HubError } from '../../src/core/errors.ts'
import type { DeviceChanges } from '../../src/nodes/changes.ts'
import { changesAmongHubs } from '../../src/nodes/changes-among-hubs.ts'
import { userNamed } from '../access/changing-directory.ts'
import { followedDefects } from '../followed-defects.ts'
import { createInbox } from '../inbox.ts'

const ann = userNamed('ann', { role: 'operator' })
const lock = { device: 'n/relay/0', reason: 'wet' }

function opened(user = ann) {
  const asked: { id: string; question: object; lost(end: Unanswered, reason: string): void }[] = []
  const answers = createInbox<unknown>()
  const questions = createListeners<[asked: never]>()
  const answered = createListeners<[answer: { id: string; answer: unknown }]>()
  const owners = createListeners<[owner: undefined]>()
  const state = { owns: false, failure: undefined as Error | undefined }
  const done: unknown[] = []
  const act = (change: string) => async (user: { name: string }, request: object) => {
    if (state.failure !== undefined) throw state.failure
    done.push([change, user.name, request])
    return { change }
  }
  const own: DeviceChanges = {
    lock: act('lock'),
    unlock: act('unlock'),
    label: act('label'),
    replace: act('replace'),
    forget: act('forget'),
  }
  const changes = changesAmongHubs(own, {
    hubs: {
      get owns() {
        return state.owns
      },
      ask: (id, question, lost) => {
        if (state.failure !== undefined) throw state.failure
        asked.push({ id, question, lost })
      },
      answer: (_hub, { answer }) => answers.put(answer),
      onAsked: (listener) => questions.add(listener),
      onAnswer: answered.add,
      onOwner: owners.add,
      kept: async () => void done.push('kept'),
    },
    directory: { find: (name) => (name === 'ann' ? user : undefined) },
  })
  const answer = (said: unknown, id = asked.at(-1)?.id ?? '') => answered.tell({ id, answer: said })
  const ask = (question: object, isFresh = true) =>
    questions.tell(Object({ id: '1', from: 'b', isFresh, question }) as never)
  return { changes, asked, answers, done, state, owners, answer, ask }
}

t.test('a hub that does not own asks for a change, and tells what came of it', async (t) => {
  const { changes, asked, answer } = opened()
  const locked = changes.lock(ann, lock)
  t.match(asked, [{ question: { change: 'lock', user: 'ann', request: lock } }])
  answer('nonsense')
  answer({ isTaken: true }, 'another')
  answer({ isTaken: true })
  answer({ done: { by: 'ann' } })
  t.same(await locked, { by: 'ann' })
  const refused = changes.unlock(ann, lock)
  answer({ code: 'locked', message: 'wet' })
  await t.rejects(refused, { code: 'locked', message: 'wet' })
})

t.test('who is not answered is told whether it may have been changed', async (t) => {
  const { changes, asked, answer, owners, state } = opened()
  const ends = (end: Unanswered) => asked.at(-1)?.lost(end, 'nobody answers')
  const first = changes.forget(ann, { device: 'x' })
  ends('not-taken')
  await t.rejects(first, { code: 'no-owner', message: /^nobody answers$/ })
  ends('not-taken')
  const second = changes.forget(ann, { device: 'x' })
  ends('unknown')
  await t.rejects(second, { code: 'no-owner', message: /: it may have been changed$/ })
  const third = changes.replace(ann, { old: 'x', new: 'y' })
  const fourth = changes.label(ann, { device: 'x' })
  answer({ isTaken: true }, asked.at(-2)?.id)
  owners.tell(undefined)
  await t.rejects(third, { code: 'no-owner', message: /it is gone: it may have been changed$/ })
  answer({ done: {} })
  t.same(await fourth, {})
  state.failure = new HubError('no-owner', 'nobody owns')
  await t.rejects(changes.lock(ann, lock), { message: 'nobody owns' })
})

t.test('so many are asked for at once, and not one more', async (t) => {
  const { changes } = opened()
  for (let at = 0; at < 1000; at++) changes.lock(ann, lock).catch(() => {})
  await t.rejects(changes.lock(ann, lock), { code: 'too-fast' })
})

t.test(
  'the owner changes it, for those who ask elsewhere too, by the roles that it knows',
  async (t) => {
    const { changes, done, state, ask, answers } = opened()
    state.owns = true
    t.same(await changes.lock(ann, lock), { change: 'lock' })
    t.same(done.splice(0), [['lock', 'ann', lock], 'kept'])
    ask({ topic: 'n/relay/0/set' })
    ask({ change: 'lock', user: 'ann', request: lock }, false)
    t.match(await answers.next(), { code: 'no-owner', message: /within a second/ })
    for (const [change, request] of [
      ['lock', lock],
      ['unlock', { device: 'x' }],
      ['label', { device: 'x', title: 'Fan' }],
    ] as const) {
      ask({ change, user: 'ann', request })
      t.same(await answers.next(), { isTaken: true })
      t.same(await answers.next(), { done: { change } })
    }
    const refusal = async (question: object) => {
      ask(question)
      await answers.next()
      return answers.next()
    }
    t.match(await refusal({ change: 'forget', user: 'ann', request: { device: 'x' } }), {
      code: 'forbidden',
      message: /with role admin, got "ann"$/,
    })
    t.match(await refusal({ change: 'lock', request: lock }), { code: 'forbidden' })
    t.match(await refusal({ change: 'lock', user: 'ann', request: 7 }), { code: 'bad-payload' })
    state.failure = new HubError('locked', 'wet')
    t.match(await refusal({ change: 'lock', user: 'ann', request: lock }), { code: 'locked' })
  },
)

t.test('admins replace and forget at the owner', async (t) => {
  const { ask, answers } = opened(userNamed('ann', { role: 'admin' }))
  ask({ change: 'replace', user: 'ann', request: { old: 'x', new: 'y' } })
  ask({ change: 'forget', user: 'ann', request: { device: 'x' } })
  for (const change of ['replace', 'forget']) {
    t.same(await answers.next((said) => Object(said).done !== undefined), { done: { change } })
  }
})

t.test('a defect is told, and who asked is told that it could not be done', async (t: Test) => {
  const defects = followedDefects(t)
  const { ask, answers, state } = opened()
  state.failure = new TypeError('out of paper')
  ask({ change: 'lock', user: 'ann', request: lock })
  t.match(await answers.next((said) => Object(said).code !== undefined), { code: 'no-owner' })
  t.match(await defects.next(), { message: 'out of paper' })
})
