import t from 'tap'
import type { Unanswered } from '../../../src/bus/foreign/open-questions.ts'
import { createListeners } from '../../../src/core/callbacks.ts'
import { HubError } from '../../../src/core/errors.ts'
import type { Message, Receipt } from '../../../src/core/message.ts'
import { Payload } from '../../../src/core/payload.ts'
import type { Commands, Request } from '../../../src/nodes/commands/commands.ts'
import { commandsAmongHubs } from '../../../src/nodes/commands/commands-among-hubs.ts'
import { steppedClock } from '../../clock.ts'

const jsonLimits = { depth: 10, elements: 100 }
const nothing = () => {}

function opened() {
  const clock = steppedClock()
  const asked: { id: string; question: object; lost(end: Unanswered, reason: string): void }[] = []
  const answers: unknown[] = []
  const published: string[] = []
  const taken: string[] = []
  const refusals: Receipt[] = []
  const entered: Parameters<Parameters<typeof commandsAmongHubs>[1]['enter']>[] = []
  const questions = createListeners<[asked: never]>()
  const answered = createListeners<[answer: { id: string; answer: unknown }]>()
  const owners = createListeners<[owner: undefined]>()
  const state = { owns: false, refusal: undefined as HubError | undefined }
  const own: Commands = {
    take: ({ device }) => taken.push(`take ${device}`),
    observe: ({ device }) => taken.push(`observe ${device}`),
    refuse: ({ sender }, { code, message }) => {
      const receipt = { receipt: 'refused', code, message, afterMs: 0, final: true } as const
      refusals.push(receipt)
      sender.watcher?.changed(receipt)
    },
    close: () => taken.push('close'),
    yielded: nothing,
    reported: () => false,
    denied: nothing,
    taken: nothing,
    isFollowed: () => false,
    forget: nothing,
    locked: nothing,
  }
  const admin = { name: 'clown', role: 'admin', rules: [] }
  const commands = commandsAmongHubs(own, {
    hubs: {
      get owns() {
        return state.owns
      },
      refusal: () => new HubError('no-owner', 'nobody'),
      ask: (id, question, lost) => {
        if (state.refusal !== undefined) throw state.refusal
        asked.push({ id, question, lost })
      },
      answer: (hub, answer) => answers.push([hub, answer]),
      onAsked: (listener) => questions.add(listener),
      onAnswer: answered.add,
      onOwner: owners.add,
    },
    bus: { publish: ({ topic }: Message) => published.push(topic) },
    directory: { find: (name) => (name === 'clown' ? Object(admin) : undefined) },
    jsonLimits: Object(jsonLimits),
    clock,
    enter: (...entering) => {
      entered.push(entering)
      if (state.refusal !== undefined) throw state.refusal
      return undefined
    },
  })
  const told: Receipt[] = []
  const ended: Receipt[] = []
  const watcher = { changed: told.push.bind(told), ended: ended.push.bind(ended) }
  const take = (isWatched = true) => commands.take(requestOf(isWatched ? watcher : undefined))
  const answer = (receipt: object, id = asked.at(-1)?.id ?? '') =>
    answered.tell({ id, answer: receipt })
  const ask = (question: object, isFresh = true) =>
    questions.tell(Object({ id: '1', from: 'b', isFresh, question }) as never)
  const lists = { asked, answers, published, taken, refusals, entered, told, ended }
  return { ...lists, commands, clock, state, owners, take, answer, ask }
}

function requestOf(watcher: Request['sender']['watcher']): Request {
  const payload = new Payload(Buffer.from('{"state":true}'))
  const message = { topic: 'n/relay/0/set', payload, qos: 1, retain: false } as const
  const rights = { mayPublish: () => ({ allowed: true, reason: '' }) }
  const more = { clientId: 'c', timeoutMs: 700, force: true }
  const sender = { user: 'clown', rights, address: '::1', way: 'http', watcher, ...more }
  return { device: 'n/relay/0', message, sender }
}

t.test('what the owner answers is told to who has asked elsewhere', async (t) => {
  const { asked, told, ended, published, take, answer, clock, owners } = opened()
  take()
  t.match(asked, [{ question: { topic: 'n/relay/0/set', user: 'clown', way: 'http', qos: 1 } }])
  answer({ not: 'a receipt' })
  answer({ receipt: 'accepted', afterMs: 0 }, 'another')
  answer({ receipt: 'sent', afterMs: 1 })
  clock.step(60_000)
  answer({ receipt: 'timed-out', afterMs: 9, final: true })
  answer({ receipt: 'confirmed-late', afterMs: 99, final: true })
  t.same(
    told.map(({ receipt }) => receipt),
    ['sent', 'timed-out', 'confirmed-late'],
  )
  t.equal(ended.length, 1)
  owners.tell(undefined)
  t.equal(told.length, 3, 'what has ended stays so')
  take()
  answer({ receipt: 'refused', code: 'of another release', afterMs: 0, final: true })
  t.same(told.at(-1), { receipt: 'refused', afterMs: 0, final: true })
  clock.step(120_000)
  answer({ receipt: 'confirmed-late', afterMs: 99, final: true })
  t.equal(told.length, 4, 'nobody waits that long')
  take(false)
  answer({ receipt: 'sent', afterMs: 0 })
  t.same(published, [])
  answer({ receipt: 'refused', code: 'locked', message: 'wet', afterMs: 0, final: true })
  answer({ receipt: 'refused', code: 'locked', afterMs: 0, final: true })
  t.same(published, ['n/relay/0/set/error', 'n/relay/0/set/error'])
})

t.test('what the owner did not take is refused, and nobody asks twice', async (t) => {
  const { asked, told, published, take, refusals, answer } = opened()
  take()
  take(false)
  t.same(refusals, [])
  for (const { lost } of asked) lost('not-taken', 'the wire is dead')
  t.match(told, [
    { receipt: 'refused', code: 'no-owner', message: 'the wire is dead', final: true },
  ])
  t.same(published, ['n/relay/0/set/error'])
  t.equal(asked.length, 2)
  answer({ receipt: 'sent', afterMs: 1 })
  asked.at(-1)?.lost('not-taken', 'once more')
  t.equal(told.length, 1)
})

t.test('what may have been taken ends as unknown', async (t) => {
  const { asked, told, ended, take, answer, owners, clock } = opened()
  take()
  answer({ receipt: 'sent', afterMs: 1 })
  take()
  clock.step(500)
  owners.tell(undefined)
  t.match(told, [{ receipt: 'sent' }, { receipt: 'unknown', afterMs: 500, final: true }])
  t.equal(ended.length, 1)
  clock.step(1000)
  asked.at(-1)?.lost('unknown', 'the broker is away')
  t.match(told.at(-1), { receipt: 'unknown', afterMs: 1500, final: true })
  asked.at(-1)?.lost('unknown', 'once more')
  t.equal(told.length, 3)
  take()
  answer({ receipt: 'confirmed', afterMs: 1, final: true })
  owners.tell(undefined)
  t.equal(told.length, 4, 'what has ended stays so')
})

t.test('where nobody can be asked, or too much is, a command is refused at once', async (t) => {
  const { state, take, commands, told, taken } = opened()
  state.refusal = new HubError('no-owner', 'nobody is there')
  t.throws(() => take(), { code: 'no-owner' })
  state.refusal = undefined
  for (let at = 0; at < 1000; at++) take()
  t.throws(() => take(), { code: 'too-fast' })
  commands.observe(requestOf(undefined))
  t.same(taken, [])
  commands.close()
  t.equal(told.length, 1000)
  t.same(taken, ['close'])
})

t.test('the owner takes what it is asked for as from the user who asks', async (t) => {
  const { ask, answers, entered, state, take, taken, commands } = opened()
  state.owns = true
  take()
  commands.observe(requestOf(undefined))
  t.same(taken, ['take n/relay/0', 'observe n/relay/0'])
  const payload = Buffer.from('{"state":true}').toString('base64')
  const who = { user: 'clown', address: '::1', way: 'http' }
  const question = { topic: 'n/relay/0/set', payload, qos: 1, ...who }
  ask({ ...question, clientId: 'c', timeoutMs: 700, force: true })
  const [[message, sender] = []] = entered
  t.same(message?.payload.value, { state: true })
  t.match(sender, { ...who, clientId: 'c', timeoutMs: 700, force: true })
  t.equal(sender?.rights.mayPublish('n/relay/0/set', false).allowed, true)
  sender?.watcher?.changed({ receipt: 'sent', afterMs: 0 })
  t.match(answers, [['b', { id: '1', answer: { receipt: 'sent' } }]])
  ask({ ...question, user: 'nobody' })
  t.equal(entered[1]?.[1].rights.mayPublish('n/relay/0/set', false).allowed, false)
  ask(question, false)
  ask({ topic: 7 })
  state.refusal = new HubError('forbidden', 'not you')
  ask(question)
  t.match(answers.slice(1), [
    ['b', { answer: { receipt: 'refused', code: 'no-owner', final: true } }],
    ['b', { answer: { receipt: 'refused', code: 'bad-payload' } }],
    ['b', { answer: { receipt: 'refused', code: 'forbidden' } }],
  ])
})

t.test(
  'who waits at the end of its hub is told so, and a defect is none of an asker',
  async (t) => {
    const { commands, state, take, told, ask, answer, answers } = opened()
    take()
    answer({ receipt: 'sent', afterMs: 1 })
    take()
    commands.close()
    t.match(told, [{ receipt: 'sent' }, { receipt: 'unknown' }, { receipt: 'unknown' }])
    state.owns = true
    state.refusal = Object(new TypeError('out of paper'))
    const who = { user: 'clown', way: 'http', address: '::1' }
    const question = { topic: 'n/relay/0/set', payload: '', qos: 1, ...who }
    t.throws(() => ask(question), { message: 'out of paper' })
    t.same(answers, [])
  },
)
