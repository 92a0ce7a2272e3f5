import { pino } from 'pino'
import t from 'tap'
import { createCounters } from '../../src/core/counters.ts'
import { HubError } from '../../src/core/errors.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'
import { shedReports } from '../../src/nodes/load-shedding.ts'
import { clown } from '../senders.ts'

const report: Message = {
  topic: 'nodes/bridge/0/thermometer/i2c0-48',
  payload: new Payload(Buffer.from('1')),
  qos: 0,
  retain: false,
}

t.test('while the hub is overloaded it drops reports at QoS 0, and nothing else', async (t) => {
  const counters = createCounters()
  let isOverloaded = false
  const admit = shedReports({
    admit: (message) => message,
    isOverloaded: () => isOverloaded,
    isOutOfMemory: () => false,
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
  })
  t.equal(admit(report, clown), report)
  isOverloaded = true
  t.equal(admit(report, clown), undefined)
  const kept: Partial<Message>[] = [
    { topic: 'nodes/bridge/0/relay/i2c0-3b/set' },
    { topic: 'nodes/bridge/0/thermometer/i2c0-48/config/set' },
    { topic: 'nodes/bridge/0/thermometer/i2c0-48/config/ok' },
    { topic: 'nodes/bridge/0/boot' },
    { qos: 1 },
    { retain: true },
  ]
  for (const change of kept) t.ok(admit({ ...report, ...change }, clown), JSON.stringify(change))
  t.same(counters.snapshot(), { 'reports-shed': 1 })
})

t.test('what is not dropped may still be refused', async (t) => {
  const admit = shedReports({
    admit: () => {
      throw new HubError('bad-topic', 'refused')
    },
    isOverloaded: () => true,
    isOutOfMemory: () => true,
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
  })
  t.throws(() => admit({ ...report, qos: 1 }, clown), { code: 'bad-topic' })
})

t.test('short of memory no value is retained, but delivered and taken away', async (t) => {
  const counters = createCounters()
  const admit = shedReports({
    admit: (message) => message,
    isOverloaded: () => true,
    isOutOfMemory: () => true,
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
  })
  const value = { ...report, retain: true }
  t.same(admit(value, clown), { ...value, retain: false })
  const empty = { ...value, payload: new Payload(Buffer.alloc(0)) }
  t.equal(admit(empty, clown), empty)
  const acknowledged: Message = { ...report, qos: 1 }
  t.equal(admit(acknowledged, clown), acknowledged)
  t.same(counters.snapshot(), { 'retained-refused': 1 })
})
