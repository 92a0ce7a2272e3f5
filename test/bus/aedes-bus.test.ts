import { Aedes } from 'aedes'
import { pino } from 'pino'
import t from 'tap'
import { createAedesBus, createPacketReader } from '../../src/bus/aedes-bus.ts'
import { RetainedValues } from '../../src/bus/retained-values.ts'
import { Payload } from '../../src/core/payload.ts'
import { ownMessage } from './own-message.ts'

t.test('readers of one packet share its decoded payload', async (t) => {
  const reader = createPacketReader()
  const packet = { topic: 'a/b', payload: Buffer.from('{}'), qos: 1, retain: true } as const
  const message = reader.read(packet)
  t.match(message, { topic: 'a/b', qos: 1, retain: true })
  t.equal(reader.read({ ...packet, topic: 'c' }).payload, message.payload)
})

t.test('a payload that went in comes back as the same one', async (t) => {
  const reader = createPacketReader()
  const payload = Payload.ofJson('{}', {})
  reader.know(payload)
  t.equal(
    reader.read({ topic: 'a', payload: payload.bytes, qos: 0, retain: false }).payload,
    payload,
  )
})

t.test('what is read once is not kept decoded', async (t) => {
  const reader = createPacketReader()
  const packet = { topic: 'a', payload: Buffer.from('[1]'), qos: 0, retain: true } as const
  const first = reader.readOnce(packet)
  t.same(first.payload.value, [1])
  t.not(reader.readOnce(packet).payload, first.payload)
  t.not(reader.read(packet).payload, first.payload)
})

t.test('JSON past the limits is read as text', async (t) => {
  const reader = createPacketReader({ depth: 2, keys: 2, stringBytes: 9, arrayItems: 2 })
  const packet = { topic: 'a', payload: Buffer.from('[1,2,3]'), qos: 0, retain: false } as const
  t.equal(reader.read(packet).payload.encoding, 'text')
  t.equal(reader.readOnce(packet).payload.encoding, 'text')
})

t.test('a packet may carry text in place of bytes', async (t) => {
  const packet = { topic: 'a', payload: 'č', qos: 0, retain: false } as const
  t.same(createPacketReader().read(packet).payload.bytes, Buffer.from('č'))
})

t.test('all that is retained is found, with turns for others between', async (t) => {
  const aedes = await Aedes.createBroker()
  t.teardown(() => new Promise<void>((resolve) => aedes.close(resolve)))
  const retained = new RetainedValues({ topics: 1000, valueBytes: 100, totalBytes: 1e6 })
  const topics = Array.from({ length: 600 }, (_, at) => `a/${at}`)
  topics.forEach((topic, at) => {
    retained.store(ownMessage(at, { topic, retain: true }))
  })
  const log = pino({ level: 'silent' })
  const bus = createAedesBus({ aedes, retained, reader: createPacketReader(), log })
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
    const published: string[] = []
    const aedes = await Aedes.createBroker()
    t.teardown(() => new Promise<void>((resolve) => aedes.close(resolve)))
    Object.assign(aedes, {
      publish: ({ topic }: { topic: string }, done: (error?: Error) => void) => {
        published.push(topic)
        done(topic === 'a' ? new Error('full') : undefined)
      },
    })
    const lines: string[] = []
    const log = pino({}, { write: (line: string) => lines.push(line) })
    const retained = new RetainedValues({ topics: 1, valueBytes: 1, totalBytes: 1 })
    const bus = createAedesBus({ aedes, retained, reader: createPacketReader(), log })
    for (const topic of ['a', 'b']) {
      bus.publish({ topic, payload: new Payload(Buffer.from('1')), qos: 1, retain: false })
    }
    t.same(published, ['a', 'b'])
    t.match(lines, [/"topic":"a","msg":"a message was not published"/])
    t.equal(lines.length, 1)
  },
)
