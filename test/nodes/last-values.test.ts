import t from 'tap'
import type { Bus } from '../../src/bus/bus.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import {
  createLastValues,
  type LastValues,
  type LastValuesLimits,
} from '../../src/nodes/last-values.ts'

const json = { depth: 16, keys: 256, stringBytes: 16_384, arrayItems: 1024 }
const roomy = { json, retained: { topics: 100, valueBytes: 1000, totalBytes: 10_000 } }

/** A bus that delivers at once and retains what `kept` holds. */
function busWith(kept: readonly Message[]): Bus {
  const listeners = new Set<(message: Message) => void>()
  return {
    publish: (message) => {
      for (const deliver of listeners) deliver(message)
    },
    subscribe: (_filter, deliver) => {
      listeners.add(deliver)
      return () => listeners.delete(deliver)
    },
    retained: async function* () {
      yield* kept
    },
    refusalOf: () => undefined,
    retainedOn: (topic) => kept.find((message) => message.topic === topic),
  }
}

/** Last values of what is on `bus`. */
function openedValues(bus: Bus, limits: LastValuesLimits, clock = systemClock) {
  const values = createLastValues(bus, limits, clock)
  bus.subscribe('#', values.keep)
  return values
}

function report(topic: string, text: string, retain = false): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain }
}

async function below(values: LastValues, base: string) {
  const topics = new Set<string>()
  for await (const topic of values.topicsBelow(base)) topics.add(topic)
  return [...topics].sort().flatMap((topic) => {
    const value = values.on(topic)
    return value === undefined ? [] : `${topic} ${value.payload.bytes}`
  })
}

t.test('the newest of retained and reported values is told', async (t) => {
  const bus = busWith([report('n/b', '1', true), report('n/a', '1', true)])
  const values = openedValues(bus, roomy)
  bus.publish(report('n/a', '2'))
  bus.publish(report('n/c', '3'))
  bus.publish(report('other', '4'))
  t.same(await below(values, 'n'), ['n/a 2', 'n/b 1', 'n/c 3'])
})

t.test(
  'an empty retained message clears a value; an empty one that is not is a value',
  async (t) => {
    const bus = busWith([])
    const values = openedValues(bus, roomy)
    bus.publish(report('n/a', '1', true))
    bus.publish(report('n/a', '', true))
    bus.publish(report('n/b', ''))
    t.same(await below(values, 'n'), ['n/b '])
  },
)

t.test(
  'what the bus retains is not kept once more, nor told when it is retained no more',
  async (t) => {
    const large = report('n/a', 'x'.repeat(999), true)
    const kept = [large]
    const bus = busWith(kept)
    const clock = { ...systemClock, nowMs: () => 7 }
    const limits = { json, retained: { topics: 9, valueBytes: 1000, totalBytes: 20 } }
    const values = openedValues(bus, limits, clock)
    bus.publish(large)
    bus.publish(report('n/b', '2'))
    t.match(values.of('n/a'), { payload: large.payload, heardMs: 7 })
    t.same(await below(values, 'n'), [`n/a ${large.payload.bytes}`, 'n/b 2'])
    await values.restore([{ topic: 'n/a', bytes: Buffer.from('old'), atMs: 0 }])
    t.equal(values.of('n/a')?.payload, large.payload)
    kept.length = 0
    t.equal(values.of('n/a'), undefined)
    t.same(await below(values, 'n'), ['n/b 2'])
    kept.push(large)
    bus.publish(report('n/a', '3'))
    t.same(await below(values, 'n'), ['n/a 3', 'n/b 2'], 'what was told later is not retained')
  },
)

t.test('past its bounds the longest silent topic is forgotten', async (t) => {
  const bus = busWith([])
  const values = openedValues(bus, {
    json,
    retained: { topics: 2, valueBytes: 10, totalBytes: 16 },
  })
  for (const topic of ['n/a', 'n/b', 'n/a', 'n/c']) bus.publish(report(topic, '1'))
  t.same(await below(values, 'n'), ['n/a 1', 'n/c 1'])
  bus.publish(report('n/d', '123456789'))
  t.same(await below(values, 'n'), ['n/c 1', 'n/d 123456789'])
  bus.publish(report('n/12345678', '1234567890'))
  t.same(await below(values, 'n'), [], 'what is more than all that may be kept is not kept either')
})

t.test('a value past its limit is not kept, and the one before is not told for it', async (t) => {
  const bus = busWith([])
  const values = openedValues(bus, roomy)
  bus.publish(report('n/a', '1'))
  bus.publish(report('n/b', 'x'.repeat(1000)))
  bus.publish(report('n/a', 'x'.repeat(1001)))
  t.same(await below(values, 'n'), [`n/b ${'x'.repeat(1000)}`])
})

t.test(
  'nothing is kept but the bytes of a value: neither their chunk nor their JSON',
  async (t) => {
    const bus = busWith([])
    const values = openedValues(bus, roomy)
    const chunk = Buffer.from(`${' '.repeat(60_000)}[1]`)
    const payload = new Payload(chunk.subarray(60_000))
    t.same(payload.value, [1])
    bus.publish({ topic: 'n/a', payload, qos: 0, retain: false })
    const first = values.on('n/a')
    const second = values.on('n/a')
    t.not(first?.payload.bytes.buffer, chunk.buffer)
    t.same(first?.payload.value, [1])
    t.not(first?.payload.value, second?.payload.value, 'each time it is decoded anew')
  },
)

t.test('JSON past the limits is told as text', async (t) => {
  const bus = busWith([])
  const values = openedValues(bus, { ...roomy, json: { ...json, arrayItems: 2 } })
  bus.publish(report('n/a', '[1,2,3]'))
  const value = values.on('n/a')
  t.equal(value?.payload.encoding, 'text')
})

t.test('a retained value is told with what MQTT 5 says of it', async (t) => {
  const value = { ...report('n/a', '1', true), properties: { bytes: Buffer.from([3, 0, 1, 97]) } }
  const bus = busWith([value])
  const values = openedValues(bus, roomy)
  bus.publish(value)
  t.equal(values.on('n/a')?.properties, value.properties)
})

t.test('others have their turn while many topics are looked at', async (t) => {
  const bus = busWith([])
  const retained = { ...roomy.retained, topics: 1000, totalBytes: 100_000 }
  const values = openedValues(bus, { ...roomy, retained })
  for (let at = 0; at < 600; at++) bus.publish(report(`n/${at}`, '1'))
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  t.equal((await below(values, 'n')).length, 600)
  clearImmediate(immediate)
  t.ok(turns >= 2, `${turns} turns`)
})
