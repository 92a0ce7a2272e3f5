import t from 'tap'
import { clearKeepAlive, readConnect } from '../../../src/bus/guard/connect-packet.ts'
import { checkConfig } from '../../../src/config.ts'
import { type ConnectFields, connectPacket, hex } from '../../raw-mqtt.ts'
import { faultOf } from './fault-of.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })

function faultIn(fields: ConnectFields): string | undefined {
  return faultOf(() => readConnect(connectPacket(fields), limits))
}

t.test('CONNECT tells what the guard needs to know', async (t) => {
  const fields = { clientId: 'č', clean: false, keepAliveSeconds: 7 }
  t.same(readConnect(connectPacket(fields), limits), {
    ...fields,
    user: '',
    level: 4,
    isBridge: false,
  })
  const whole = { ...fields, will: { topic: 'a', qos: 2, retain: true }, user: 'b', password: 'c' }
  t.same(readConnect(connectPacket({ ...whole, level: 3 }), limits), {
    ...fields,
    user: 'b',
    level: 3,
    isBridge: false,
  })
})

t.test('what CONNECT asks for in vain has its counter and its code', async (t) => {
  t.equal(faultIn({ level: 5 }), 'mqtt-version-refused 1')
  t.equal(faultIn({ clientId: '', clean: false }), 'mqtt-client-id-refused 2')
  t.equal(faultIn({ clientId: '', level: 3 }), 'mqtt-client-id-refused 2')
  t.equal(faultIn({ clientId: 'č'.repeat(129) }), 'mqtt-client-id-refused 2')
  t.equal(faultIn({ keepAliveSeconds: 0 }), undefined)
  t.equal(faultIn({ keepAliveSeconds: 65_535 }), undefined)
  t.equal(faultIn({ user: 'a'.repeat(65) }), 'sign-in-refused 4')
  t.equal(faultIn({ user: 'a', password: 'a'.repeat(257) }), 'sign-in-refused 4')
  t.equal(faultIn({ user: 'a\u200b' }), 'sign-in-refused 4', 'what is not seen')
  t.equal(faultIn({ will: { topic: 'a/#' } }), 'bad-topic')
  t.equal(faultIn({ will: { topic: '' } }), 'bad-topic')
  t.equal(faultIn({ clientId: '', clean: true }), undefined)
})

t.test('MQTT 3.1 leaves bits open that 3.1.1 reserves, and Aedes wants as zero', async (t) => {
  const loose = hex('1f 0f 0006 4d5149736470 03 03 000a 0001 70')
  t.equal(readConnect(loose, limits).clientId, 'p')
  t.equal(loose.toString('hex'), '100f00064d51497364700302000a000170')
  t.equal(
    faultOf(() => readConnect(hex('10 0d 0004 4d515454 04 03 000a 0001 70'), limits)),
    malformed,
  )
  t.equal(
    faultOf(() => readConnect(hex('1f 0d 0004 4d515454 04 02 000a 0001 70'), limits)),
    malformed,
  )
})

t.test(
  'the highest bit of the level says that it is a bridge, and Aedes does not see it',
  async (t) => {
    for (const level of [3, 4]) {
      const packet = Buffer.concat([hex('c000'), connectPacket({ level })]).subarray(2)
      const levelAt = packet.indexOf(level, 8)
      packet.writeUInt8(0x80 | level, levelAt)
      t.match(readConnect(packet, limits), { level, isBridge: true })
      t.same(packet, connectPacket({ level }))
    }
    t.equal(faultIn({ level: 0x85 }), 'mqtt-version-refused 1')
  },
)

t.test('a will to a topic with $ is no fault', async (t) => {
  t.equal(faultIn({ will: { topic: '$SYS/broker/connection/x/state' } }), undefined)
})

t.test('the keep-alive is taken out where it stands', async (t) => {
  for (const level of [3, 4]) {
    // In the middle of a larger buffer, as packets are that came together.
    const packet = Buffer.concat([hex('c000'), connectPacket({ level })]).subarray(2)
    clearKeepAlive(packet)
    t.same(packet, connectPacket({ level, keepAliveSeconds: 0 }))
  }
  const long = connectPacket({ clientId: 'a'.repeat(128), user: 'b'.repeat(64) })
  clearKeepAlive(long)
  const expected = { clientId: 'a'.repeat(128), user: 'b'.repeat(64), keepAliveSeconds: 0 }
  t.same(long, connectPacket(expected))
})

const malformed = 'mqtt-malformed'
