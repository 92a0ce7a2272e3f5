import t from 'tap'
import { Inbound } from '../../../src/bus/guard/inbound.ts'
import { TokenBucket } from '../../../src/core/token-bucket.ts'
import { hex, pingPacket, publishPacket, subscribePacket } from '../../raw-mqtt.ts'

function inboundOf(packets: readonly Buffer[], burst = 10_000): Inbound {
  const inbound = new Inbound(new TokenBucket({ perSecond: 10, burst, now: () => 0 }))
  for (const packet of packets) inbound.add(packet)
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
  t.equal(inbound.bytes, message.length + pingPacket.length)
})

t.test('only messages wait', async (t) => {
  const inbound = inboundOf([message, pingPacket], 1)
  t.equal(inbound.take()?.toString('hex'), joined(message))
  t.equal(inbound.waitMs(), 0)
  t.same(runsOf(inbound), [joined(pingPacket)])
  t.equal(inbound.waitMs(), 0, 'when there is none, too')
  t.equal(inbound.bytes, 0)
  t.ok(inbound.isEmpty)
})

t.test('a long queue comes out whole', async (t) => {
  const packets = Array.from({ length: 3000 }, (_, at) => publishPacket('a', { payload: `${at}` }))
  const inbound = inboundOf(packets)
  const taken = runsOf(inbound)
  t.equal(taken.join(''), joined(...packets))
  t.ok(inbound.isEmpty)
})
