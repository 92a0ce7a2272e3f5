import t from 'tap'
import { createHeaderCheck, packetTypes } from '../../../src/bus/guard/packet-types.ts'
import { checkConfig } from '../../../src/config.ts'
import { faultOf } from './fault-of.ts'

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
      return faultOf(() => checkHeader((packetTypes[name] << 4) | otherFlags, bytes))
    }
    t.equal(fault(least), undefined, name)
    t.equal(fault(most), undefined, name)
    const isCut = name !== 'publish'
    t.equal(fault(most + 1), isCut ? 'mqtt-packet-too-big' : undefined, name)
    if (least > 0) t.equal(fault(least - 1), 'mqtt-malformed', name)
    const isOpen = name === 'connect' || name === 'publish'
    t.equal(fault(least, flags ^ 1), isOpen ? undefined : 'mqtt-malformed', name)
  }
})

t.test('a client sends no packet that only brokers send, or that does not exist', async (t) => {
  for (const type of [0, packetTypes.connack, packetTypes.suback, packetTypes.pingresp, 15]) {
    t.equal(
      faultOf(() => checkHeader(type << 4, 2)),
      'mqtt-malformed',
    )
  }
})

t.test('of a message that is too large only as much is kept as acknowledges it', async (t) => {
  const publish = packetTypes.publish << 4
  t.equal(checkHeader(publish, mqtt.publishBytes), mqtt.publishBytes)
  t.equal(checkHeader(publish, mqtt.publishBytes + 1), 65_539)
  t.equal(createHeaderCheck({ ...mqtt, publishBytes: 9 })(publish, 10), 9)
})
