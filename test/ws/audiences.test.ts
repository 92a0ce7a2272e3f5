import { pino } from 'pino'
import t from 'tap'
import { rightsOf } from '../../src/access/rights.ts'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { Trace } from '../../src/core/trace.ts'
import {
  type AudienceMember,
  createAudiences,
  FrameBatch,
  fittingFrame,
  repeatedBatch,
} from '../../src/ws/audiences.ts'
import { clown } from '../senders.ts'
import { presence, recovery } from './nothing-missed.ts'

const dialect = {
  name: 'plain',
  encode: (topic: string, { bytes }: Payload) => `${topic} ${bytes}`,
}
const rights = rightsOf({ name: 'a', role: 'viewer', rules: [], tokens: [] })

/** Audiences of a bus that only the test publishes on. */
function openedAudiences() {
  const logged: string[] = []
  const subscribers = new Set<(message: Message) => void>()
  const bus = {
    subscribe: (_filter: string, deliver: (message: Message) => void) => {
      subscribers.add(deliver)
      return () => {
        subscribers.delete(deliver)
      }
    },
  }
  const trace = new Trace()
  const log = pino({}, { write: (line: string) => logged.push(line) })
  const audiences = createAudiences({
    ...{ bus, presence, recovery, trace },
    endOfTick: createEndOfTick(),
    log,
    frameBytes: 1_000_000,
  })
  const join = (member: AudienceMember) => audiences.join({ dialect, base: 'n', rights }, member)
  const publish = (topic: string, text = '') => {
    const payload = new Payload(Buffer.from(text))
    for (const deliver of subscribers) deliver({ topic, payload, qos: 0, retain: false })
  }
  return { audiences, join, publish, subscribers, logged }
}

/** A member, and the texts of each batch it got. */
function openedMember() {
  const batches: string[][] = []
  const member: AudienceMember = {
    receiving,
    deliver: ({ frames }) => batches.push(frames.map(({ text }) => text)),
  }
  return { member, batches }
}

const receiving = { ...clown, isBehind: false }

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('what comes in one turn is handed over at its end, as a whole', async (t) => {
  const { join, publish, subscribers } = openedAudiences()
  const one = openedMember()
  const other = openedMember()
  join(one.member)
  join(other.member)
  t.equal(subscribers.size, 1)
  publish('n/a', '1')
  publish('n/b', '2')
  t.same(one.batches, [])
  await turn()
  t.same(one.batches, [['a 1', 'b 2']])
  t.same(other.batches, one.batches)
  publish('n/a', '3')
  await turn()
  t.same(one.batches, [['a 1', 'b 2'], ['a 3']])
})

t.test('a message goes to all as the same bytes, which are framed once', async (t) => {
  const { join, publish } = openedAudiences()
  const bytes: Buffer[] = []
  for (let at = 0; at < 2; at++) join({ receiving, deliver: (batch) => bytes.push(batch.bytes) })
  publish('n/a', '1')
  publish('n/long', 'x'.repeat(200))
  await turn()
  t.equal(bytes.length, 2)
  t.equal(bytes[0], bytes[1])
  // RFC 6455, 5.2: a final text frame, without a mask.
  t.same(bytes[0]?.subarray(0, 9), Buffer.from([0x81, 3, ...Buffer.from('a 1'), 0x81, 126, 0, 205]))
})

t.test('who settles has what was collected so far, and not twice', async (t) => {
  const { join, publish } = openedAudiences()
  const early = openedMember()
  const late = openedMember()
  const membership = join(early.member)
  join(late.member)
  membership.settle()
  publish('n/a', '1')
  membership.settle()
  membership.settle()
  t.same(early.batches, [['a 1']])
  publish('n/a', '2')
  membership.settle()
  publish('n/a', '3')
  await turn()
  t.same(early.batches, [['a 1'], ['a 2'], ['a 3']])
  t.same(late.batches, [['a 1', 'a 2', 'a 3']])
  publish('n/a', '4')
  membership.settle()
  await turn()
  t.same(early.batches.slice(3), [['a 4']])
})

t.test('who joins gets nothing from before, and who leaves nothing from after', async (t) => {
  const { join, publish, subscribers } = openedAudiences()
  const old = openedMember()
  const young = openedMember()
  const membership = join(old.member)
  publish('n/a', '1')
  const other = join(young.member)
  publish('n/a', '2')
  membership.leave()
  publish('n/a', '3')
  await turn()
  t.same(old.batches, [['a 1', 'a 2']])
  t.same(young.batches, [['a 2', 'a 3']])
  other.leave()
  t.equal(subscribers.size, 0)
  t.equal(openedAudiences().subscribers.size, 0)
})

t.test('much is handed over before the turn ends', async (t) => {
  const { join, publish } = openedAudiences()
  const { member, batches } = openedMember()
  join(member)
  publish('n/a', 'x'.repeat(40_000))
  publish('n/b', 'x'.repeat(40_000))
  publish('n/c', '')
  t.equal(batches.length, 1)
  await turn()
  t.match(batches, [[/^a x/, /^b x/], ['c ']])
})

t.test('a report may be left out for a later one, a command never', async (t) => {
  const { join, publish } = openedAudiences()
  const topics: unknown[] = []
  join({ receiving, deliver: ({ frames }) => topics.push(...frames.map(({ topic }) => topic)) })
  publish('n/relay/a', '1')
  publish('n/relay/a/set', '1')
  publish('elsewhere', '1')
  await turn()
  t.same(topics, ['n/relay/a', undefined])
})

t.test('who may not read all gets what it may', async (t) => {
  const { audiences, publish } = openedAudiences()
  const { member, batches } = openedMember()
  const rules = [{ allow: ['read' as const], topic: 'n/a' }]
  const some = rightsOf({ name: 'a', rules, tokens: [] })
  audiences.join({ dialect, base: 'n', rights: some }, member)
  publish('n/a', '1')
  publish('n/b', '1')
  await turn()
  t.same(batches, [['a 1']])
})

t.test('a member that fails robs the others of nothing, and the log says so', async (t) => {
  const { join, publish, subscribers, logged } = openedAudiences()
  const { member, batches } = openedMember()
  join({
    receiving,
    deliver: () => {
      throw new TypeError('a defect')
    },
  })
  join(member)
  t.equal(subscribers.size, 1)
  publish('n/a', '1')
  await turn()
  t.same(batches, [['a 1']])
  t.match(logged, [/a defect/])
})

/** RFC 6455, 5.2: the header of a final text frame that is not masked, by the length of the text. */
const headers = new Map([
  [0, '8100'],
  [125, '817d'],
  [126, '817e007e'],
  [65_535, '817effff'],
  [65_536, '817f0000000000010000'],
])

t.test('frames of every length follow each other as RFC 6455 has them', async (t) => {
  const frames = [...headers.keys()].map((length) => ({
    text: 'x'.repeat(length),
    topic: undefined,
  }))
  const expected = [...headers].flatMap(([length, header]) => [
    Buffer.from(header, 'hex'),
    Buffer.alloc(length, 'x'),
  ])
  t.ok(new FrameBatch(frames).bytes.equals(Buffer.concat(expected)))
})

t.test('lengths count bytes, not characters', async (t) => {
  const { bytes } = new FrameBatch([{ text: '℃', topic: 'a' }])
  t.same(bytes, Buffer.from('8103e28483', 'hex'))
})

t.test('all who get a batch get the same bytes', async (t) => {
  const batch = new FrameBatch([{ text: '1', topic: undefined }])
  t.equal(batch.bytes, batch.bytes)
})

t.test('a frame that comes again is the batch before, whoever gets it', async (t) => {
  const batchOf = repeatedBatch()
  const one = batchOf('1', 'a')
  t.equal(batchOf('1', 'a'), one)
  t.not(batchOf('1', 'b'), one)
  const two = batchOf('2', 'b')
  t.same(two.frames, [{ text: '2', topic: 'b' }])
  t.not(batchOf('1', 'a'), one, 'only the last one is remembered')
})

const encode = (topic: string, payload: Payload) => `["${topic}",${payload.jsonText}]`
const frameOf = (bytes: Buffer, most: number) =>
  fittingFrame({ encode }, { topic: 'a', payload: new Payload(bytes) }, most)

t.test('a page is told of what it takes, and of the size of what is larger', async (t) => {
  const tooLarge = (bytes: number, most: number) =>
    `["a/error",{"code":"too-large","message":"expected a message that a page takes, of at most ${most} bytes, got ${bytes}"}]`
  t.equal(frameOf(Buffer.from('12'), 8), '["a",12]')
  t.equal(frameOf(Buffer.from('12'), 7), tooLarge(2, 7))
  t.equal(frameOf(Buffer.from('"č"'), 10), '["a","č"]')
  t.equal(frameOf(Buffer.from('"č"'), 9), tooLarge(4, 9), 'bytes are counted, not characters')
  t.equal(frameOf(Buffer.alloc(9, 0xff), 17), tooLarge(9, 17), 'as base64 it is larger')
})

t.test('what is much too large is not read for that', async (t) => {
  const payload = new Payload(Buffer.alloc(100))
  Object.defineProperty(payload, 'jsonText', { get: () => t.fail('it was read') })
  t.match(fittingFrame({ encode }, { topic: 'a', payload }, 99), 'got 100')
})
