import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { checkConfig } from '../../src/config.ts'
import { createHeaderCheck, FrameReader, type HeaderCheck } from '../../src/mqtt/frame-reader.ts'
import { packetTypes } from '../../src/mqtt/packet.ts'
import { hex, packet } from '../raw-mqtt.ts'
import { faultOf, reasonIn } from './fault-of.ts'

const keepAll: HeaderCheck = (_level, _firstByte, remainingBytes) => remainingBytes

/** What a reader makes of `chunks`. */
function read(chunks: readonly Buffer[]): string[] {
  const packets: string[] = []
  const reader = new FrameReader({
    checkHeader: keepAll,
    mayKeep: () => true,
    onPacket: ({ bytes }) => packets.push(bytes.toString('hex')) > 0,
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
  const headers: Parameters<HeaderCheck>[] = []
  const reader = new FrameReader({
    checkHeader: (...header) => {
      headers.push(header)
      return keepAll(...header)
    },
    mayKeep: () => true,
    onPacket: () => t.fail('there is no whole packet'),
  })
  reader.read(hex('30 ff'))
  t.same(headers, [])
  reader.read(hex('ff 7f'))
  t.same(headers, [[undefined, 0x30, 2_097_151]])
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
  })
  t.throws(() => reader.read(hex('c000')), { message: 'refused' })
})

t.test('what is past enough packets is left, and read when there is room', async (t) => {
  const packets: string[] = []
  let room = 2
  const reader = new FrameReader({
    checkHeader: keepAll,
    mayKeep: () => true,
    onPacket: ({ bytes }) => packets.push(bytes.toString('hex')) < room,
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

// --- fixed headers ---

const { mqtt } = checkConfig({ users: { clown: { password: 'bigclown' } } }).limits
const checkHeader = createHeaderCheck(mqtt)

/** Each type a client may send: flags, and the least and the most bytes. */
const rules: [keyof typeof packetTypes, flags: number, least: number, most: number][] = [
  ['connect', 0, 12, mqtt.connectBytes],
  ['publish', 0, 3, mqtt.publishBytes],
  ['puback', 0, 2, 2],
  ['pubrec', 0, 2, 2],
  ['pubrel', 2, 2, 2],
  ['pubcomp', 0, 2, 2],
  ['subscribe', 2, 6, mqtt.subscribeBytes],
  ['unsubscribe', 2, 5, mqtt.subscribeBytes],
  ['pingreq', 0, 0, 0],
  ['disconnect', 0, 0, 0],
]

t.test('the header of each type has its flags and its sizes', async (t) => {
  for (const [name, flags, least, most] of rules) {
    const fault = (bytes: number, otherFlags = flags) => {
      const level = name === 'connect' ? undefined : 4
      return faultOf(() => checkHeader(level, (packetTypes[name] << 4) | otherFlags, bytes))
    }
    t.equal(fault(least), undefined, name)
    t.equal(fault(most), undefined, name)
    const isCut = name !== 'publish'
    const tooMuch = most > 2 ? 'mqtt-packet-too-big' : 'mqtt-malformed'
    t.equal(fault(most + 1), isCut ? tooMuch : undefined, name)
    if (least > 0) t.equal(fault(least - 1), 'mqtt-malformed', name)
    const isOpen = name === 'connect' || name === 'publish'
    t.equal(fault(least, flags ^ 1), isOpen ? undefined : 'mqtt-malformed', name)
  }
})

t.test('a client sends no packet that only brokers send, or that does not exist', async (t) => {
  for (const type of [0, packetTypes.connack, packetTypes.suback, packetTypes.pingresp, 15]) {
    t.equal(
      faultOf(() => checkHeader(4, type << 4, 2)),
      'mqtt-malformed',
    )
  }
})

t.test('of a message that is too large only as much is kept as acknowledges it', async (t) => {
  const publish = packetTypes.publish << 4
  t.equal(checkHeader(4, publish, mqtt.publishBytes), mqtt.publishBytes)
  t.equal(checkHeader(4, publish, mqtt.publishBytes + 1), 65_539)
  t.equal(createHeaderCheck({ ...mqtt, publishBytes: 9 })(4, publish, 10), 9)
})

t.test('MQTT 3.1 has DUP in what comes again, and MQTT 5 more to say', async (t) => {
  const { pubrel, subscribe, unsubscribe, puback, disconnect } = packetTypes
  for (const type of [pubrel, subscribe, unsubscribe]) {
    const bytes = type === pubrel ? 2 : 9
    for (const [level, expected] of [
      [3, undefined],
      [4, 'mqtt-malformed'],
      [5, 'mqtt-malformed'],
    ] as const) {
      t.equal(
        faultOf(() => checkHeader(level, (type << 4) | 10, bytes)),
        expected,
      )
    }
  }
  for (const type of [puback, disconnect]) {
    t.equal(checkHeader(5, type << 4, 65_536), 65_536)
    t.equal(
      reasonIn(() => checkHeader(5, type << 4, 65_537)),
      '95',
    )
  }
})

t.test('before CONNECT nothing else comes, and after it no other', async (t) => {
  for (const [first, reason] of [
    [0x90, '82'],
    [0x91, '81'],
    [0xb1, '81'],
    [0x21, '82'],
  ] as const) {
    t.equal(
      reasonIn(() => checkHeader(5, first, 2)),
      reason,
      'as Mosquitto has it',
    )
  }
  t.equal(
    reasonIn(() => checkHeader(undefined, 0x30, 9)),
    '82',
  )
  t.equal(
    reasonIn(() => checkHeader(5, 0x10, 20)),
    '82',
  )
})
