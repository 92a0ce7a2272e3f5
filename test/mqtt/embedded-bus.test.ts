import { Aedes } from 'aedes'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { Emitter } from '../../src/bus/emitter.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import {
  type BusPacket,
  createEmbeddedBus,
  createPersistence,
} from '../../src/mqtt/embedded-bus.ts'
import { RetainedValues } from '../../src/mqtt/retained.ts'
import { openJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { busContract } from '../bus/contract.ts'
import { keptMessage } from './kept-message.ts'

const narrow = { depth: 2, keys: 2, stringBytes: 9, arrayItems: 2 }

/** A bus in an Aedes of its own, and what is retained on it. */
async function openBus(t: Test, jsonLimits = narrow) {
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const limits = { topics: 1000, valueBytes: 100, totalBytes: 1e6 }
  const retained = new RetainedValues(limits, openJournal(openMemoryStore()))
  const emitter = new Emitter<BusPacket>((error) => t.fail(String(error)))
  const persistence = createPersistence((message) => retained.store(message))
  const aedes = await Aedes.createBroker({ mq: emitter, persistence })
  t.teardown(() => new Promise<void>((resolve) => aedes.close(resolve)))
  return {
    bus: createEmbeddedBus({ aedes, emitter, retained, jsonLimits, log }),
    aedes,
    retained,
    lines,
  }
}

function messageOf(topic: string, text: string, fields: Partial<Message> = {}): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: false, ...fields }
}

t.test('it is a bus like any other', (t) => busContract(t, async (t) => (await openBus(t)).bus))

t.test('what is published is with its subscribers before anything else happens', async (t) => {
  const { bus } = await openBus(t)
  const heard: Message[] = []
  const stop = bus.subscribe('a/+', (message) => heard.push(message))
  for (const qos of [0, 1, 2] as const) {
    const message = messageOf('a/b', `${qos}`, { qos, retain: true })
    bus.publish(message)
    t.equal(heard.at(-1), message, 'the same for all, so that it is decoded once')
    t.equal(String(bus.retainedOn('a/b')?.payload.bytes), `${qos}`)
  }
  bus.publish(messageOf('$SYS/b', ''))
  stop()
  bus.publish(messageOf('a/b', 'after'))
  t.equal(heard.length, 3)
})

t.test('who stops while a message is told hears of it no more', async (t) => {
  const { bus } = await openBus(t)
  const heard: string[] = []
  bus.subscribe('a', () => stop())
  const stop = bus.subscribe('a', ({ topic }) => heard.push(topic))
  bus.publish(messageOf('a', ''))
  t.same(heard, [])
})

t.test('what is published by who hears a message comes behind it, for everybody', async (t) => {
  const { bus } = await openBus(t)
  const heard: string[] = []
  bus.subscribe('a', () => bus.publish(messageOf('b', '', { qos: 1 })))
  bus.subscribe('#', ({ topic }) => heard.push(topic))
  bus.publish(messageOf('a', ''))
  t.same(heard, ['a', 'b'])
})

t.test('what is retained is read anew each time, and within the limits of JSON', async (t) => {
  const { bus } = await openBus(t)
  bus.publish(messageOf('a', '[1]', { retain: true }))
  const first = bus.retainedOn('a')
  t.same(first?.payload.value, [1])
  t.not(bus.retainedOn('a')?.payload, first?.payload)
  bus.publish(messageOf('a', '[1,2,3]', { retain: true }))
  t.equal(bus.retainedOn('a')?.payload.encoding, 'text')
  t.equal(bus.retainedOn('nothing'), undefined)
})

t.test('all that is retained is found, with turns for others between', async (t) => {
  const { bus, retained } = await openBus(t)
  const topics = Array.from({ length: 600 }, (_, at) => `a/${at}`)
  topics.forEach((topic, at) => {
    retained.store(keptMessage(at, { topic, retain: true }))
  })
  const found: string[] = []
  setImmediate(() => found.push('another'))
  for await (const { topic, retain, payload } of bus.retained('a/+')) {
    if (!retain || topic !== `a/${payload.bytes}`) t.fail(`${topic} is not what was retained`)
    found.push(topic)
  }
  t.same(
    found.filter((topic) => topic !== 'another'),
    topics,
  )
  t.ok(found.indexOf('another') < 600)
})

t.test(
  'a message that the broker does not take is logged, and those behind it go out',
  async (t) => {
    const { bus, aedes, lines } = await openBus(t)
    const published: string[] = []
    Object.assign(aedes, {
      publish: ({ topic }: { topic: string }, done: (error?: Error) => void) => {
        published.push(topic)
        done(topic === 'a' ? new Error('full') : undefined)
      },
    })
    for (const topic of ['a', 'b']) bus.publish(messageOf(topic, '1', { qos: 1 }))
    t.same(published, ['a', 'b'])
    t.match(lines, [/"topic":"a","msg":"a message was not published"/])
    t.equal(lines.length, 1)
  },
)

t.test('what Aedes says of itself is nobody else’s', async (t) => {
  const { bus, aedes } = await openBus(t)
  bus.subscribe('#', t.fail)
  bus.subscribe('$SYS/#', t.fail)
  aedes.publish(
    {
      cmd: 'publish',
      topic: '$SYS/x',
      payload: Buffer.from('x'),
      qos: 1,
      retain: true,
      dup: false,
    },
    (error?: Error | null) => t.error(error),
  )
  t.equal(bus.retainedOn('$SYS/x'), undefined)
})
