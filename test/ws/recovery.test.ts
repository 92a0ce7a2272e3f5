import { pino } from 'pino'
import t from 'tap'
import { rightsOf } from '../../src/access/rights.ts'
import { createByteBudget } from '../../src/core/byte-budget.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createRecovery, type RecoveryLog } from '../../src/ws/recovery.ts'

const rights = rightsOf({ name: 'a', role: 'viewer', rules: [], tokens: [] })

const dialect = {
  name: 'words',
  encode: (topic: string, payload: Payload, options?: object) =>
    `${topic} ${payload.bytes} ${JSON.stringify(options)}`,
}

const view = { dialect, base: 'n', rights, shows: { positions: true } }

interface Kept {
  bytes?: number
  seconds?: number
  totalBytes?: number
}

function openedRecovery({ bytes = 1_000_000, seconds = 60, totalBytes = 1e9 }: Kept = {}) {
  const subscribers = new Map<(message: Message) => void, string>()
  const comers = new Set<(message: Message) => void>()
  const clock = { at: 0, nowMs: () => clock.at }
  const recovery = createRecovery({
    bus: {
      subscribe: (filter, deliver) => {
        subscribers.set(deliver, filter)
        return () => subscribers.delete(deliver)
      },
    },
    presence: {
      subscribe: (listener) => {
        comers.add(listener)
        return () => comers.delete(listener)
      },
    },
    limits: { recoveryBytes: bytes, recoverySeconds: seconds },
    newRecoveryShare: createByteBudget({ totalBytes, freeBytes: 0 }),
    clock,
    jsonLimits: { depth: 32, values: 1000 } as never,
    frameBytes: 1_000_000,
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
  })
  const message = (topic: string, text: string): Message => {
    const payload = new Payload(Buffer.from(text))
    return { topic, payload, qos: 0, retain: false }
  }
  return {
    recovery,
    subscribers,
    clock,
    publish: (topic: string, text = '') => {
      const published = message(topic, text)
      for (const deliver of subscribers.keys()) deliver(published)
      return published
    },
    comes: (topic: string) => {
      for (const tell of comers) tell(message(topic, '{}'))
    },
  }
}

/** What is told of all that came after a position. */
function told(
  log: RecoveryLog,
  position: string,
  own: Parameters<RecoveryLog['partAt']>[1] = view,
) {
  const texts: string[] = []
  const place = log.placeAfter(position)
  if (typeof place !== 'number') return place
  for (let part = log.partAt(place, own); part !== undefined; part = log.partAt(part.end, own)) {
    texts.push(...part.batch.frames.map(({ text }) => text))
    if (part.isLast) return texts
  }
  return undefined
}

t.test('what came after a position is told once and in order, with positions', async (t) => {
  const { recovery, publish } = openedRecovery()
  const log = recovery.open('n')
  publish('n/a', '0')
  const { position } = log
  const [epoch] = position.split(':')
  t.match(position, /:1$/)
  // Whoever hears of a message before the log did numbers it for all.
  const first = publish('n/a', '1')
  t.equal(log.note(first), `${epoch}:2`)
  publish('n/b', '2')
  t.same(told(log, position), [`a 1 {"position":"${epoch}:2"}`, `b 2 {"position":"${epoch}:3"}`])
  t.same(told(log, log.position), [])
  t.same(told(log, `${epoch}:3`), [])
})

t.test('of many parts each is framed once for all with one view', async (t) => {
  const { recovery, publish } = openedRecovery()
  const log = recovery.open('n')
  const { position } = log
  for (let at = 0; at < 200; at++) publish('n/a', String(at))
  t.equal(told(log, position)?.toString().split('a ').length, 201)
  const place = log.placeAfter(position)
  if (typeof place !== 'number') throw new Error('it is kept')
  t.equal(log.partAt(place, view)?.batch, log.partAt(place, view)?.batch)
})

t.test('who may not read it, or did not ask for it, is not told', async (t) => {
  const { recovery, publish, comes } = openedRecovery()
  const log = recovery.open('n')
  const { position } = log
  publish('n/a', '1')
  publish('n/b/c', '2')
  comes('n/a/-/presence')
  comes('n/a/-/label')
  comes('m/-/presence')
  publish('n/a/-/presence', 'a lie')
  const texts = (own: object) => {
    const all = told(log, position, { ...view, ...own })
    return Array.isArray(all) ? all.map((text) => text.split(' ')[0]) : all
  }
  t.same(texts({}), ['a', 'b/c'])
  t.same(texts({ filters: ['n/+'] }), ['a'])
  t.same(texts({ shows: { presence: true } }), ['a', 'b/c', 'a/-/presence'])
  t.same(texts({ shows: { labels: true } }), ['a', 'b/c', 'a/-/label'])
  const rules = [{ allow: ['read'], topic: 'n/b/#' }] as const
  const some = rightsOf({ name: 'b', role: undefined, rules: rules as never, tokens: [] } as never)
  t.same(texts({ rights: some, shows: { presence: true } }), ['b/c'])
})

t.test('what is too old, too much, or unknown is said to be missing', async (t) => {
  const { recovery, publish, clock } = openedRecovery({ bytes: 1000, seconds: 10 })
  const log = recovery.open('n')
  const { position } = log
  const [epoch] = position.split(':')
  for (let at = 0; at < 10; at++) publish('n/a', String(at))
  t.same(told(log, position), { missed: 10 })
  t.equal(told(log, `${epoch}:7`)?.toString().split('a ').length, 4)
  const before = log.position
  publish('n/a')
  clock.at = 10_001
  t.same(told(log, before), { missed: 1 })
  for (const strange of ['other:1', `${epoch}:99`, `${epoch}:x`, `${epoch}:-2`, '']) {
    t.same(told(log, strange), { missed: undefined }, strange)
  }
  publish('n/b')
  t.same(log.partAt(1, view), undefined)
})

t.test('all bases together keep to a budget', async (t) => {
  const { recovery, publish } = openedRecovery({ totalBytes: 2000 })
  const [one, other] = [recovery.open('n'), recovery.open('m')]
  const { position } = one
  for (let at = 0; at < 10; at++) publish('n/a', '1')
  t.match(told(one, position), { missed: 20 / 2 })
  recovery.close()
  other.close()
})

t.test('a base is numbered on while nobody is there, if there are not too many', async (t) => {
  const { recovery, publish, subscribers } = openedRecovery()
  const log = recovery.open('n')
  const { position } = log
  log.close()
  log.close()
  publish('n/a')
  const again = recovery.open('n')
  t.equal(told(again, position)?.toString().split('a ').length, 2)
  again.close()
  for (let at = 0; at < 70; at++) recovery.open(`m/${at}`).close()
  t.equal(subscribers.size, 64)
  t.same(told(recovery.open('n'), position), { missed: undefined })
  recovery.close()
  t.equal(subscribers.size, 0)
  log.close()
})
