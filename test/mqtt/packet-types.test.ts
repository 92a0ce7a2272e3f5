import t from 'tap'
import { checkConfig } from '../../src/config.ts'
import {
  createHeaderCheck,
  headOf,
  isOversize,
  oversizeError,
  packetTypes,
} from '../../src/mqtt/packet-types.ts'
import { hex, lengthBytes } from '../raw-mqtt.ts'
import { faultOf, reasonIn } from './fault-of.ts'

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

t.test('of an oversize message the head tells what it is', async (t) => {
  const head = Buffer.concat([hex('32'), lengthBytes(300), hex('0001 61 0007 78')])
  t.ok(isOversize(head))
  t.notOk(isOversize(hex('30 03 0001 61')))
  t.notOk(isOversize(hex('d0 00')))
  t.same(headOf(head), head.subarray(0, head.length - 1))
  const atMostOnce = Buffer.concat([hex('30'), lengthBytes(300), hex('0001 61 78')])
  t.same(headOf(atMostOnce), atMostOnce.subarray(0, atMostOnce.length - 1))
  t.match(oversizeError(head, 100).message, /at most 100 bytes, got 303/)
  t.match(oversizeError(head, 1000).message, /others hold too much/)
})
