import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { isAcceptance, Outbound } from '../../../src/bus/guard/outbound.ts'
import { hex, packet, publishPacket } from '../../raw-mqtt.ts'

t.test('pieces of packets come out as whole packets, in one buffer', async (t) => {
  const packets: string[] = []
  const outbound = new Outbound((whole) => !packets.push(whole.toString('hex')))
  t.equal(outbound.add(hex('30')), undefined)
  t.equal(outbound.add(hex('04')), undefined)
  t.equal(outbound.add(hex('0001')), undefined)
  t.equal(outbound.take().length, 0, 'what is not whole stays')
  t.equal(outbound.bytes, 4)
  t.equal(outbound.add('a'), undefined)
  t.equal(outbound.add('b'), 0x30)
  t.equal(outbound.add(hex('d000')), 0xd0)
  t.equal(outbound.take().toString('hex'), '300400016162d000')
  t.same(packets, ['300400016162', 'd000'])
  t.equal(outbound.bytes, 0)
  t.equal(outbound.take().length, 0)
})

t.test('text is counted in bytes', async (t) => {
  const outbound = new Outbound(() => false)
  outbound.add(hex('30 04 0002'))
  t.equal(outbound.add('č'), 0x30)
  t.equal(outbound.take().toString('hex'), '30040002c48d')
})

t.test('a packet may be changed before it leaves', async (t) => {
  const outbound = new Outbound((whole) => whole.fill(1, 2).length === 0)
  outbound.add(hex('2002 0000'))
  t.equal(outbound.take().toString('hex'), '20020101')
})

t.test('however packets are written, what comes out is them', async (t) => {
  const content = fc.uint8Array({ maxLength: 400 })
  const cuts = fc.array(fc.nat(400), { maxLength: 4 })
  const property = fc.property(fc.array(fc.tuple(content, cuts), { maxLength: 8 }), (shapes) => {
    const seen: Buffer[] = []
    const taken: Buffer[] = []
    const outbound = new Outbound((whole) => !seen.push(Buffer.from(whole)))
    for (const [bytes, ends] of shapes) {
      for (const piece of piecesOf(packet(0x30, Buffer.from(bytes)), ends)) outbound.add(piece)
      if (ends.length % 2 === 0) taken.push(outbound.take())
    }
    taken.push(outbound.take())
    const packets = shapes.map(([bytes]) => packet(0x30, Buffer.from(bytes)))
    return isDeepStrictEqual([seen, Buffer.concat(taken)], [packets, Buffer.concat(packets)])
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
})

/** A packet in the pieces between `ends`, as a library may write it. */
function piecesOf(whole: Buffer, ends: readonly number[]): Buffer[] {
  const inside = ends.filter((end) => end < whole.length).sort((one, other) => one - other)
  return [...inside, whole.length].map((end, at) => whole.subarray(inside[at - 1] ?? 0, end))
}

t.test('only a CONNACK of code 0 is an acceptance', async (t) => {
  t.ok(isAcceptance(hex('2002 0000')))
  t.ok(isAcceptance(hex('2002 0100')))
  t.notOk(isAcceptance(hex('2002 0005')))
  t.notOk(isAcceptance(publishPacket('')))
})

t.test('whole packets stand between others, and are not looked at', async (t) => {
  const seen: string[] = []
  const outbound = new Outbound((packet) => !seen.push(packet.toString('hex')))
  outbound.addWhole(hex('d000'))
  outbound.add(hex('4002 0001'))
  outbound.addWhole(hex('d000'))
  t.equal(outbound.bytes, 8)
  t.equal(outbound.take().toString('hex'), 'd00040020001d000')
  t.same(seen, ['40020001'])
})
