import t, { type Test } from 'tap'
import { Payload } from '../../../src/core/payload.ts'
import {
  createAnswers,
  type LineOptions,
  type Requester,
} from '../../../src/nodes/registry/answers.ts'
import { createInbox } from '../../inbox.ts'
import { openedNodes } from './opened-nodes.ts'

const empty = Payload.ofJson('{}', {})

interface Told {
  readonly topic: string
  readonly value: unknown
  readonly options: LineOptions | undefined
}

/** A session that asks; nodes have no time to answer. */
async function asking(
  t: Test,
  { base = '', mayRead = () => true }: Partial<Pick<Requester, 'base' | 'mayRead'>> = {},
) {
  const nodes = await openedNodes(t)
  const told = createInbox<Told>()
  const answering = createAnswers({ ...nodes, markOf: nodes.states.markOf, waitMs: 5 })({
    user: 'ann',
    base,
    mayRead,
    tell: (topic: string, { value }: Payload, options?: LineOptions) =>
      told.put({ topic, value, options }),
  })
  t.teardown(answering.close)
  return { ...nodes, answers: told, answering }
}

t.test('a list is answered at once, with what its node lists before the rest', async (t) => {
  const { say, answering, answers } = await asking(t)
  for (const name of ['relay/1', 'thermometer/1', 'relay/0', 'a/0']) say(`n/${name}`, 1)
  say('n/boot', {})
  say('n/-/-/config/ok', { sensors: ['thermometer/1'], actuators: ['relay/1'] })
  t.ok(answering.list('n/-/-/config/list', empty))
  t.same(answers.items, [
    {
      topic: 'n/-/-/config/ok',
      value: {
        sensors: ['thermometer/1', 'a/0'],
        actuators: ['relay/1', 'relay/0'],
        notifications: ['boot'],
      },
      options: undefined,
    },
  ])
})

t.test('above several nodes the names are below the base that was asked', async (t) => {
  const { say, answering, answers } = await asking(t)
  for (const topic of ['a/1/pir/-', 'a/0/pir/-', 'a/0/relay/0', 'b/pir/-']) say(topic, 1)
  say('a/1/-/-/config/ok', { sensors: ['x/0', 'pir/-'] })
  say('a/0/-/-/config/ok', { sensors: ['y/0'] })
  t.ok(answering.list('a/-/-/config/list', empty, { id: 'x' }))
  t.ok(answering.list('-/-/config/list', empty))
  t.match(answers.items, [
    {
      topic: 'a/-/-/config/ok',
      value: { sensors: ['0/y/0', '1/x/0', '1/pir/-', '0/pir/-'], actuators: ['0/relay/0'] },
      options: { id: 'x' },
    },
    {
      topic: '-/-/config/ok',
      value: { sensors: ['a/0/y/0', 'a/1/x/0', 'a/1/pir/-', 'a/0/pir/-', 'b/pir/-'] },
    },
  ])
})

t.test('only what may be read is listed', async (t) => {
  const { say, answering, answers } = await asking(t, { mayRead: (topic) => topic === 'n/pir/-' })
  say('n/pir/-', 1)
  say('n/relay/0', 1)
  t.ok(answering.list('n/-/-/config/list', empty))
  t.same(answers.items[0]?.value, { sensors: ['pir/-'], actuators: [], notifications: [] })
})

t.test('where no device is known the node has to answer, and nothing else is a list', async (t) => {
  const { say, answering, answers } = await asking(t)
  say('n/pir/-', 1)
  t.notOk(answering.list('m/-/-/config/list', empty))
  t.notOk(answering.list('n/pir/-/get', empty))
  t.notOk(answering.list('n/-/-/config/list', Payload.ofJson('5', 5)))
  t.notOk(answering.list('n/-/-/config/list', Payload.ofJson('[]', [])))
  t.same(answers.items, [])
})

t.test(
  'for a node that does not answer the last value is told, with its age if asked',
  async (t) => {
    const { say, clock, answering, answers } = await asking(t)
    say('n/pir/-', { 'event-count': 1 })
    clock.advance(1234)
    const value = { 'event-count': 1 }
    answering.requested('n/pir/-/get')
    t.same(await answers.next(), { topic: 'n/pir/-', value, options: undefined })
    answering.requested('n/pir/-/get', { id: 'x', more: 1 })
    t.same(await answers.next(), { topic: 'n/pir/-', value, options: { id: 'x', ageMs: 1234 } })
    answering.requested('n/pir/-/get', {})
    t.same(await answers.next(), { topic: 'n/pir/-', value, options: { ageMs: 1234 } })
  },
)

t.test('a node that answers is not answered for', async (t) => {
  const { say, clear, clock, answering, answers } = await asking(t)
  for (const name of ['a', 'b', 'c']) say(`n/${name}/0`, 1)
  for (const name of ['a', 'b', 'c']) answering.requested(`n/${name}/0/get`)
  clock.advance(1)
  say('n/a/0', 1)
  clear('n/b/0')
  t.match(await answers.next(), { topic: 'n/c/0' })
  t.equal(answers.items.length, 1)
})

t.test('nothing is told of what is not known, not asked or not to be read', async (t) => {
  const { say, answering, answers } = await asking(t, {
    mayRead: (topic) => topic !== 'n/secret/0',
  })
  say('n/secret/0', 1)
  say('n/a/0', 1)
  for (const topic of [
    'unknown/0/get',
    'secret/0/get',
    'a/0/set',
    'a/0/config/get',
    'a/0',
    'a/0/get',
  ]) {
    answering.requested(`n/${topic}`)
  }
  t.match(await answers.next(), { topic: 'n/a/0' })
  t.equal(answers.items.length, 1)
})

t.test('a session that is gone is told nothing', async (t) => {
  const { say, answering, answers, registry, values, clock } = await asking(t)
  say('n/a/0', 1)
  answering.requested('n/a/0/get')
  const other = createAnswers({ registry, values, clock, markOf: () => undefined, waitMs: 10 })({
    user: 'ann',
    base: '',
    mayRead: () => true,
    tell: (topic) => answers.put({ topic, value: 'other', options: undefined }),
  })
  other.requested('n/a/0/get')
  answering.close()
  t.match(await answers.next(), { value: 'other' })
  t.equal(answers.items.length, 1)
})

t.test('topics are relative to the base of whoever asks', async (t) => {
  const { say, answering, answers } = await asking(t, { base: 'nodes/bridge' })
  say('nodes/bridge/0/pir/-', 1)
  t.ok(answering.list('-/-/config/list', empty))
  t.ok(answering.list('0/-/-/config/list', empty))
  t.match(answers.items, [
    { topic: '-/-/config/ok', value: { sensors: ['0/pir/-'] } },
    { topic: '0/-/-/config/ok', value: { sensors: ['pir/-'] } },
  ])
  answering.requested('0/pir/-/get')
  t.match(await answers.next(({ value }) => value === 1), { topic: '0/pir/-' })
})
