import t from 'tap'
import { checkConfig } from '../../src/config.ts'
import { packetIn } from '../../src/mqtt/packet.ts'
import * as connect from '../../src/mqtt/read-connect.ts'
import { type ConnectFields, connectPacket, field, hex, packet } from '../raw-mqtt.ts'
import { faultOf } from './fault-of.ts'

const limits = checkConfig({ users: { clown: { password: 'bigclown' } } }).limits.mqtt

const readConnect = (bytes: Buffer, of: typeof limits) => connect.readConnect(packetIn(bytes), of)
const levelOf = (bytes: Buffer) => connect.levelOf(packetIn(bytes))

function faultIn(fields: ConnectFields): string | undefined {
  return faultOf(() => readConnect(connectPacket(fields), limits))
}

t.test('CONNECT tells what the guard needs to know', async (t) => {
  const fields = { clientId: 'č', clean: false, keepAliveSeconds: 7 }
  const plain = {
    receiveMaximum: 65_535,
    maximumPacketBytes: Number.POSITIVE_INFINITY,
    aliasMaximum: 0,
    wantsProblems: true,
    wantsResponseInformation: false,
    isBridge: false,
  }
  t.same(readConnect(connectPacket(fields), limits), {
    ...fields,
    ...plain,
    user: '',
    password: undefined,
    expirySeconds: undefined,
    will: undefined,
    level: 4,
  })
  const whole = { ...fields, will: { topic: 'a', qos: 2, retain: true }, user: 'b', password: 'c' }
  t.same(readConnect(connectPacket({ ...whole, level: 3 }), limits), {
    ...fields,
    ...plain,
    user: 'b',
    password: Buffer.from('c'),
    expirySeconds: undefined,
    will: {
      topic: 'a',
      payload: Buffer.from('gone'),
      qos: 2,
      retain: true,
      delaySeconds: 0,
      properties: Buffer.alloc(0),
    },
    level: 3,
  })
  t.equal(readConnect(connectPacket({ ...fields, clean: true }), limits).expirySeconds, 0)
})

t.test('what CONNECT asks for in vain has its counter and its code', async (t) => {
  t.equal(faultIn({ level: 6 }), 'mqtt-version-refused 84')
  t.equal(faultIn({ clientId: '', clean: false }), 'mqtt-client-id-refused 85')
  t.equal(faultIn({ clientId: '', level: 3 }), 'mqtt-client-id-refused 85')
  t.equal(faultIn({ clientId: 'č'.repeat(129) }), 'mqtt-client-id-refused 85')
  t.equal(faultIn({ keepAliveSeconds: 0 }), undefined)
  t.equal(faultIn({ keepAliveSeconds: 65_535 }), undefined)
  t.equal(faultIn({ user: 'a'.repeat(65) }), 'sign-in-refused 86')
  t.equal(faultIn({ user: 'a', password: 'a'.repeat(257) }), 'sign-in-refused 86')
  t.equal(faultIn({ user: 'a\u200b' }), 'sign-in-refused 86', 'what is not seen')
  t.equal(faultIn({ will: { topic: 'a/#' } }), 'bad-topic')
  t.equal(faultIn({ will: { topic: '' } }), 'bad-topic')
  t.equal(faultIn({ clientId: '', clean: true }), undefined)
})

t.test('MQTT 3.1 leaves bits open that 3.1.1 reserves', async (t) => {
  const loose = hex('1f 0f 0006 4d5149736470 03 03 000a 0001 70')
  t.equal(readConnect(loose, limits).clientId, 'p')
  t.equal(
    faultOf(() => readConnect(hex('10 0d 0004 4d515454 04 03 000a 0001 70'), limits)),
    malformed,
  )
  t.equal(
    faultOf(() => readConnect(hex('1f 0d 0004 4d515454 04 02 000a 0001 70'), limits)),
    malformed,
  )
})

t.test('the highest bit of the level says that it is a bridge', async (t) => {
  for (const level of [3, 4]) {
    const packet = Buffer.concat([hex('c000'), connectPacket({ level })]).subarray(2)
    packet.writeUInt8(0x80 | level, packet.indexOf(level, 8))
    t.match(readConnect(packet, limits), { level, isBridge: true })
  }
  t.equal(faultIn({ level: 0x86 }), 'mqtt-version-refused 84')
})

t.test('a will to a topic with $ is no fault', async (t) => {
  t.equal(faultIn({ will: { topic: '$SYS/broker/connection/x/state' } }), undefined)
})

/** A CONNECT of MQTT 5 with these properties, and what else is behind them. */
function connectOfFive(properties: string, flags = 2, rest = field('me')): Buffer {
  const said = hex(properties)
  const head = [field('MQTT'), Buffer.from([5, flags, 0, 60, said.length]), said]
  return packet(0x10, ...head, rest)
}

/** A will of MQTT 5 behind the client id. */
function will(properties: string, payload: Buffer | string = 'gone'): Buffer {
  const said = hex(properties)
  return Buffer.concat([field('me'), Buffer.from([said.length]), said, field('w'), field(payload)])
}

t.test('CONNECT of MQTT 5 tells what its client wants', async (t) => {
  const said = '11 0000003c 21 0007 22 0009 27 00000100 17 00 19 01'
  t.match(readConnect(connectOfFive(said), limits), {
    level: 5,
    clientId: 'me',
    expirySeconds: 60,
    receiveMaximum: 7,
    aliasMaximum: 9,
    maximumPacketBytes: 256,
    wantsProblems: false,
    wantsResponseInformation: true,
  })
  t.match(readConnect(connectOfFive('', 0), limits), { clean: false, expirySeconds: 0 })
  t.equal(readConnect(connectOfFive('', 0, field('')), limits).clientId, '', 'of any session')
  const alone = Buffer.concat([field('me'), field('token')])
  t.match(readConnect(connectOfFive('', 2 | 64, alone), limits), {
    user: '',
    password: Buffer.from('token'),
  })
})

t.test('a will of MQTT 5 has properties', async (t) => {
  const said = '18 00000005 02 00000009 01 01 26 0001 61 0001 62 03 0001 74'
  t.match(readConnect(connectOfFive('', 2 | 4, will(said)), limits).will, {
    delaySeconds: 5,
    expirySeconds: 9,
    properties: hex('01 01 26 0001 61 0001 62 03 0001 74'),
  })
})

t.test('what MQTT 5 has an answer for is refused by it', async (t) => {
  const fault = (bytes: Buffer) => faultOf(() => readConnect(bytes, limits))
  t.equal(fault(connectOfFive('15 0001 61')), 'sign-in-refused 8c')
  t.equal(fault(connectOfFive('16 0001 61')), 'mqtt-malformed 82')
  t.equal(fault(connectOfFive('', 6, will('01 01', hex('ff')))), 'bad-payload 99')
  const nowhere = Buffer.concat([field('me'), hex('00'), field('a/#'), field('')])
  t.equal(fault(connectOfFive('', 6, nowhere)), 'bad-topic 90')
  t.equal(fault(connectOfFive('21 0000')), 'mqtt-malformed', 'which is no refusal')
})

t.test(
  'in the words of which level a CONNECT is to be answered is told before it is read',
  async (t) => {
    t.equal(levelOf(connectOfFive('')), 5)
    t.equal(levelOf(connectPacket({ level: 4 })), 4)
    t.equal(levelOf(connectPacket({ level: 3 })), 4)
    t.equal(levelOf(connectPacket({ level: 9 })), 4)
  },
)

const malformed = 'mqtt-malformed'
