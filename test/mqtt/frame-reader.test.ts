import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { FrameReader } from '../../src/mqtt/frame-reader.ts'
import { hex, packet } from '../raw-mqtt.ts'
import { faultOf } from './fault-of.ts'

const keepAll = (_firstByte: number, remainingBytes: number) => remainingBytes

/** What a reader makes of `chunks`. */
function read(chunks: readonly Buffer[]): string[] {
  const packets: string[] = []
  const reader = new FrameReader({
    checkHeader: keepAll,
    mayKeep: () => true,
    onPacket: (whole) => packets.push(whole.toString('hex')),
    isFull: () => false,
  })
  for (const chunk of chunks) reader.read(chunk)
  return packets
}

const anyPacket = fc
  .tuple(fc.nat(255), fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 300 })))
  .map(([first, content]) => packet(first, Buffer.from(content)))

t.test('however packets are split, the same ones come out', async (t) => {
  const splits = fc.array(fc.nat(1000), { maxLength: 20 })
  const property = fc.property(fc.array(anyPacket, { maxLength: 10 }), splits, (packets, cuts) => {
    const stream = Buffer.concat(packets)
    const ends = [...cuts.filter((cut) => cut < stream.length), stream.length].sort(byNumber)
    const chunks = ends.map((end, at) => stream.subarray(ends[at - 1] ?? 0, end))
    return isDeepStrictEqual(
      read(chunks),
      packets.map((one) => one.toString('hex')),
    )
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test('bytes that come one by one make the same packets', async (t) => {
  const stream = Buffer.concat([hex('c000'), packet(0x30, Buffer.alloc(20_000)), hex('e000')])
  t.same(read([...stream].map((byte) => Buffer.from([byte]))), read([stream]))
  t.equal(read([stream]).length, 3)
})

t.test('a header is checked before anything of its packet is there', async (t) => {
  const headers: [number, number][] = []
  const reader = new FrameReader({
    checkHeader: (...header) => {
      headers.push(header)
      return keepAll(...header)
    },
    mayKeep: () => true,
    onPacket: () => t.fail('there is no whole packet'),
    isFull: () => false,
  })
  reader.read(hex('30 ff'))
  t.same(headers, [])
  reader.read(hex('ff 7f'))
  t.same(headers, [[0x30, 2_097_151]])
})

t.test('a length of five bytes is refused at its fourth', async (t) => {
  t.equal(
    faultOf(() => read([hex('10 ff ff ff ff')])),
    'mqtt-malformed',
  )
  t.equal(
    faultOf(() => read([hex('10 80 80 80'), hex('80')])),
    'mqtt-malformed',
  )
  t.same(read([hex('c0 80 80 80 00')]), ['c080808000'], 'four are read, however long they are')
})

t.test('what refuses a header refuses its stream', async (t) => {
  const reader = new FrameReader({
    checkHeader: () => {
      throw new Error('refused')
    },
    mayKeep: () => true,
    onPacket: () => t.fail('it was refused'),
    isFull: () => false,
  })
  t.throws(() => reader.read(hex('c000')), { message: 'refused' })
})

t.test('what is past enough packets is left, and read when there is room', async (t) => {
  const packets: string[] = []
  let room = 2
  const reader = new FrameReader({
    checkHeader: keepAll,
    mayKeep: () => true,
    onPacket: (whole) => packets.push(whole.toString('hex')),
    isFull: () => packets.length >= room,
  })
  const rest = reader.read(hex('c000 e000 30 03 0001 61 c0'))
  t.same(packets, ['c000', 'e000'])
  t.equal(rest.toString('hex'), '3003000161c0')
  room = 4
  t.equal(reader.read(rest).length, 0)
  t.equal(reader.read(hex('00 c000')).toString('hex'), 'c000')
  t.same(packets, ['c000', 'e000', '3003000161', 'c000'])
})

function byNumber(one: number, other: number): number {
  return one - other
}
