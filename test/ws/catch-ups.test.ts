import { pino } from 'pino'
import t from 'tap'
import { rightsOf } from '../../src/access/rights.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import type { PastValues } from '../../src/nodes/last-values.ts'
import type { FrameBatch, Shown } from '../../src/ws/audiences.ts'
import { createCatchUps } from '../../src/ws/catch-ups.ts'

const rights = rightsOf({ name: 'a', role: 'viewer', rules: [], tokens: [] })
const dialect = {
  name: 'plain',
  encode: (topic: string, { bytes }: Payload) => `${topic} ${bytes}`,
}
const view = { dialect, base: 'n', rights }

function message(topic: string, text: string): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: false }
}

/** Catch-ups over values that the test sets, told live as well. */
function openedCatchUps(values = new Map<string, string>(), marks = new Map<string, string>()) {
  const logged: string[] = []
  const subscribers = new Set<(message: Message) => void>()
  const looked: string[] = []
  const past: PastValues = {
    topicsBelow: async function* () {
      yield* values.keys()
    },
    ageOf: () => ({ ageMs: 5 }),
    on: (topic) => {
      looked.push(topic)
      const text = values.get(topic)
      const mark = marks.get(topic)
      return [
        ...(text === undefined ? [] : [message(topic, text)]),
        ...(mark === undefined ? [] : [message(`${topic}/error`, mark)]),
      ]
    },
  }
  const catchUps = createCatchUps({
    bus: {
      subscribe: (_filter, deliver) => {
        subscribers.add(deliver)
        return () => subscribers.delete(deliver)
      },
    },
    values: past,
    log: pino({}, { write: (line: string) => logged.push(line) }),
    frameBytes: 1_000_000,
  })
  const live = (topic: string, text: string) => {
    values.set(topic, text)
    for (const deliver of subscribers) deliver(message(topic, text))
  }
  return { catchUps, live, values, past, looked, logged, subscribers }
}

/** Somebody who reads as much as it has room for. */
function openedReader(room = Number.POSITIVE_INFINITY) {
  const batches: FrameBatch[] = []
  let waiting: ((isThere: boolean) => void)[] = []
  const state = { room }
  return {
    batches,
    texts: () => batches.flatMap(({ frames }) => frames.map(({ text }) => text)),
    hasRoomNow: () => state.room > 0,
    hasRoom: () =>
      state.room > 0
        ? Promise.resolve(true)
        : new Promise<boolean>((resolve) => waiting.push(resolve)),
    past: (batch: FrameBatch) => {
      state.room--
      batches.push(batch)
    },
    read: (more: number) => {
      state.room += more
      for (const resolve of waiting) resolve(true)
      waiting = []
    },
    leave: () => {
      for (const resolve of waiting) resolve(false)
    },
  }
}

type Reader = ReturnType<typeof openedReader>

/** Catches up, and resolves at the end. */
function caughtUp(catchUps: ReturnType<typeof createCatchUps>, reader: Reader, user = 'a') {
  return new Promise<void>((done) => catchUps.start({ view, user, reader, done }))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

const many = (count: number, length = 1) =>
  new Map(Array.from({ length: count }, (_, at) => [`n/${at}`, 'x'.repeat(length)]))

t.test(
  'a reader gets every value that it may read, sorted, with what belongs behind it',
  async (t) => {
    const values = new Map([
      ['n/b', '2'],
      ['n/a', '1'],
      ['elsewhere', '3'],
      ['$SYS/n', '4'],
    ])
    const { catchUps, subscribers } = openedCatchUps(values, new Map([['n/a', 'old']]))
    const reader = openedReader()
    await caughtUp(catchUps, reader)
    t.same(reader.texts(), ['a 1', 'a/error old', 'b 2'])
    t.equal(subscribers.size, 0, 'nobody listens for those who are through')
  },
)

t.test('what belongs behind a value is told as the rights allow', async (t) => {
  const values = new Map([['n/a', '1']])
  const { catchUps } = openedCatchUps(values, new Map([['n/a', 'old']]))
  const reader = openedReader()
  const rules = [{ deny: ['read'] as const, topic: 'n/+/error' }]
  const own = { ...view, rights: rightsOf({ name: 'a', role: 'viewer', rules, tokens: [] }) }
  await new Promise<void>((done) => catchUps.start({ view: own, user: 'a', reader, done }))
  t.same(reader.texts(), ['a 1'])
})

t.test('who wants it is told what MQTT 5 says of a value', async (t) => {
  const { catchUps, past } = openedCatchUps(new Map([['n/a', '1']]))
  // [MQTT 5, 3.3.2.3.9] A content type.
  const properties = { bytes: Buffer.from([3, 0, 1, 97]) }
  const { on } = past
  past.on = (topic) => on(topic).map((value) => ({ ...value, properties }))
  const encode = (topic: string, _: Payload, options?: object) =>
    `${topic} ${JSON.stringify(options)}`
  const told = async (shows: Shown) => {
    const reader = openedReader()
    const own = { ...view, dialect: { name: 'own', encode }, shows }
    await new Promise<void>((done) => catchUps.start({ view: own, user: 'a', reader, done }))
    return reader.texts()
  }
  t.same(await told({ properties: true }), ['a {"contentType":"a"}'])
  t.same(await told({ ages: true }), ['a {"ageMs":5}'])
  t.same(await told({}), ['a undefined'])
})

t.test(
  'who asks for some only gets those, and single ones are not looked for among all',
  async (t) => {
    const { catchUps } = openedCatchUps(many(1000))
    const told = async (filters: string[]) => {
      const reader = openedReader()
      const own = { ...view, filters }
      await new Promise<void>((done) => catchUps.start({ view: own, user: 'a', reader, done }))
      return reader.texts().length
    }
    const [first = ''] = many(1000).keys()
    t.equal(await told([first]), 1)
    t.equal(await told([first, 'n/+']), 1000)
    t.equal(await told(['n/none']), 0)
    t.equal(await told([]), 0)
  },
)

t.test('so are thousands, and others have their turn meanwhile', async (t) => {
  const { catchUps } = openedCatchUps(many(5000))
  const reader = openedReader()
  await caughtUp(catchUps, reader)
  const texts = reader.texts()
  t.equal(texts.length, 5000)
  t.same(texts, [...texts].sort())
})

t.test('those who may see the same share what is looked up and framed once', async (t) => {
  const { catchUps, looked } = openedCatchUps(many(1000, 500))
  const readers = Array.from({ length: 5 }, () => openedReader())
  await Promise.all(readers.map((reader) => caughtUp(catchUps, reader)))
  for (const reader of readers) {
    t.equal(new Set(reader.texts()).size, 1000)
    t.same(reader.batches, readers[0]?.batches)
  }
  t.equal(readers[1]?.batches[0]?.bytes, readers[0]?.batches[0]?.bytes)
  t.equal(looked.length, 1000)
})

t.test('who comes later has what changed meanwhile, and what is new', async (t) => {
  const { catchUps, live } = openedCatchUps(many(200))
  const slow = openedReader(1)
  const waiting = caughtUp(catchUps, slow)
  await turn()
  await turn()
  live('n/0', 'y')
  live('n/new', 'z')
  live('n/1/error', 'w')
  const late = openedReader()
  await caughtUp(catchUps, late)
  t.ok(late.texts().includes('0 y'))
  t.ok(late.texts().includes('new z'))
  t.notOk(late.texts().includes('0 x'))
  slow.read(Number.POSITIVE_INFINITY)
  await waiting
})

t.test('who comes when all are through has the values of then', async (t) => {
  const { catchUps, values } = openedCatchUps(many(100))
  await caughtUp(catchUps, openedReader())
  values.set('n/0', 'y')
  const frozen = openedReader(1)
  void caughtUp(catchUps, frozen)
  const late = openedReader()
  await caughtUp(catchUps, late)
  t.ok(late.texts().includes('0 y'))
  frozen.leave()
})

t.test('a value that is gone is not told, nor is what nobody was told has expired', async (t) => {
  const { catchUps, values } = openedCatchUps(many(100))
  const slow = openedReader(1)
  const waiting = caughtUp(catchUps, slow)
  await turn()
  await turn()
  values.delete('n/99')
  values.delete('n/0')
  t.context.nowMs = performance.now()
  const now = t.intercept(performance, 'now', { value: () => t.context.nowMs + 2000 })
  const late = openedReader()
  await caughtUp(catchUps, late)
  now.restore()
  t.notOk(late.texts().some((text) => text.startsWith('0 ') || text.startsWith('99 ')))
  t.equal(late.texts().length, 98)
  slow.read(Number.POSITIVE_INFINITY)
  await waiting
})

t.test('who does not read keeps nobody waiting', async (t) => {
  const { catchUps } = openedCatchUps(many(1000, 500))
  const frozen = Array.from({ length: 20 }, () => openedReader(1))
  for (const reader of frozen) void caughtUp(catchUps, reader)
  const reader = openedReader()
  await caughtUp(catchUps, reader, 'b')
  t.equal(reader.texts().length, 1000)
  // How much fits in a turn depends on how long that is.
  t.ok(frozen.every(({ texts }) => texts().length < 1000))
  for (const each of frozen) each.leave()
})

t.test('F57: a user with many dashboards leaves the others their turn', async (t) => {
  const { catchUps } = openedCatchUps(many(2000, 2000))
  const ended: string[] = []
  const all = Array.from({ length: 30 }, () =>
    caughtUp(catchUps, openedReader(), 'many').then(() => ended.push('many')),
  )
  all.push(caughtUp(catchUps, openedReader(), 'one').then(() => ended.push('one')))
  await Promise.all(all)
  t.ok(ended.indexOf('one') < 5, `ended as number ${ended.indexOf('one')}`)
})

t.test('who is stopped gets nothing more, and is not told of an end', async (t) => {
  const { catchUps, subscribers } = openedCatchUps(many(1000, 500))
  const reader = openedReader(1)
  const stop = catchUps.start({ view, user: 'a', reader, done: () => t.fail('it was stopped') })
  await turn()
  await turn()
  stop()
  stop()
  t.equal(subscribers.size, 0)
  reader.read(10)
  await turn()
  await turn()
  t.equal(reader.batches.length, 1)
})

t.test('a value that is too large for a part goes alone', async (t) => {
  const { catchUps } = openedCatchUps(many(4, 100_000))
  const reader = openedReader()
  await caughtUp(catchUps, reader)
  t.same(
    reader.batches.map(({ frames }) => frames.length),
    [1, 1, 1, 1],
  )
})

t.test('when the last values cannot be had, it ends and the log says so', async (t) => {
  const { catchUps, past, logged, subscribers } = openedCatchUps(many(10))
  past.on = () => {
    throw new Error('no value')
  }
  await caughtUp(catchUps, openedReader())
  t.match(logged, [/last values are missing/])
  past.topicsBelow = () => {
    throw new Error('no topics')
  }
  await caughtUp(catchUps, openedReader())
  t.match(logged[1], /no topics/)
  t.equal(subscribers.size, 0)
})
