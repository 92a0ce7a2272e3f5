import t from 'tap'
import { Inbound } from '../../../src/bus/guard/inbound.ts'
import { TokenBucket } from '../../../src/core/token-bucket.ts'
import { hex, pingPacket, publishPacket, subscribePacket } from '../../raw-mqtt.ts'

/** A queue of `packets`, each of which that is no message counts as one request. */
function inboundOf(packets: readonly Buffer[], publishBurst = 10_000, requestBurst = 10_000) {
  const bucketOf = (burst: number) => new TokenBucket({ perSecond: 10, burst, now: () => 0 })
  const rates = { publishes: bucketOf(publishBurst), requests: bucketOf(requestBurst) }
  const inbound = new Inbound({ rates, mayTake: () => true, taken: () => {} })
  for (const packet of packets) inbound.add(packet, 1)
  return inbound
}

function runsOf(inbound: Inbound): string[] {
  const runs: string[] = []
  for (let run = inbound.take(); run !== undefined; run = inbound.take()) {
    runs.push(run.toString('hex'))
  }
  return runs
}

function joined(...packets: Buffer[]): string {
  return Buffer.concat(packets).toString('hex')
}

const message = publishPacket('a')
const retained = publishPacket('a', { retain: true })
const again = hex('3a 05 0001 61 0001')
const qos1 = hex('32 05 0001 61 0001')
const qos2 = hex('34 05 0001 61 0002')

t.test('packets of one kind go together, and others wait their turn', async (t) => {
  const subscribe = subscribePacket(['a'])
  const packets = [message, message, retained, message, qos1, again, subscribe, subscribe]
  const puback = hex('4002 0001')
  t.same(runsOf(inboundOf([...packets, puback, puback, pingPacket, pingPacket])), [
    joined(message, message),
    joined(retained),
    joined(message),
    joined(qos1, again),
    joined(subscribe),
    joined(subscribe),
    joined(puback, puback),
    joined(pingPacket),
    joined(pingPacket),
  ])
})

t.test('a run has at most 64 packets, and ends soon past 64 KiB', async (t) => {
  const many = Array.from({ length: 65 }, () => message)
  t.same(
    runsOf(inboundOf(many)).map((run) => run.length / 2),
    [64 * message.length, message.length],
  )
  const big = publishPacket('a', { payload: Buffer.alloc(40 * 1024) })
  t.same(
    runsOf(inboundOf([big, big, big])).map((run) => run.length / 2),
    [2 * big.length, big.length],
  )
})

t.test('a message past the rate waits, and nothing overtakes it', async (t) => {
  const inbound = inboundOf([message, message, message, pingPacket], 2)
  t.same(runsOf(inbound), [joined(message, message)])
  t.equal(inbound.waitMs(), 100)
  t.notOk(inbound.isEmpty)
  t.equal(inbound.bytes, message.length + pingPacket.length + 2 * 200)
})

t.test('messages and other packets have a rate each', async (t) => {
  const inbound = inboundOf([message, pingPacket, message, pingPacket, message], 10, 1)
  t.same(runsOf(inbound), [joined(message), joined(pingPacket), joined(message)])
  t.equal(inbound.waitMs(), 100)
})

t.test('what counts as many requests makes the next one wait longer', async (t) => {
  const inbound = inboundOf([], 10, 2)
  inbound.add(subscribePacket(['a', 'b', 'c', 'd']), 4)
  inbound.add(pingPacket, 1)
  t.equal(runsOf(inbound).length, 1)
  t.equal(inbound.waitMs(), 300)
})

t.test('what counts as no request never waits', async (t) => {
  const inbound = inboundOf([pingPacket], 1, 1)
  const puback = hex('4002 0001')
  for (let times = 0; times < 3; times++) inbound.add(puback, 0)
  t.equal(inbound.take()?.toString('hex'), joined(pingPacket))
  t.equal(inbound.waitMs(), 0)
  t.same(runsOf(inbound), [joined(puback, puback, puback)])
  t.equal(inbound.waitMs(), 0, 'when there is none, too')
  t.equal(inbound.bytes, 0)
  t.ok(inbound.isEmpty)
})

t.test('what the broker may not take waits, and only PUBREL goes past it', async (t) => {
  const bucketOf = (burst: number) => new TokenBucket({ perSecond: 10, burst, now: () => 0 })
  let mayTake = false
  const inbound = new Inbound({
    rates: { publishes: bucketOf(10), requests: bucketOf(1) },
    mayTake: (packet) => mayTake || packet !== qos2,
    taken: () => {},
  })
  const pubrel = hex('6202 0001')
  inbound.add(qos1, 0)
  inbound.add(qos2, 0)
  inbound.add(message, 0)
  inbound.add(pubrel, 0)
  for (const requests of [1, 1, 0]) inbound.add(pubrel, requests)
  t.same(inbound.take(), qos1)
  t.ok(inbound.isBlocked)
  t.equal(inbound.take()?.toString('hex'), joined(pubrel, pubrel, pubrel), 'as far as it may')
  t.equal(inbound.take(), undefined)
  mayTake = true
  t.notOk(inbound.isBlocked)
  t.same(runsOf(inbound), [joined(qos2), joined(message)])
  t.equal(inbound.waitMs(), 100, 'one PUBREL is past the rate')
})

t.test('a long queue comes out whole', async (t) => {
  const packets = Array.from({ length: 3000 }, (_, at) => publishPacket('a', { payload: `${at}` }))
  const inbound = inboundOf(packets)
  const taken = runsOf(inbound)
  t.equal(taken.join(''), joined(...packets))
  t.ok(inbound.isEmpty)
})
