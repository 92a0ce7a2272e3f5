import t from 'tap'
import { packetIn } from '../../src/mqtt/packet.ts'
import { hex, lengthBytes, packet } from '../raw-mqtt.ts'
import { faultOf } from './fault-of.ts'

t.test('fields are read in order, and never past the end', async (t) => {
  const fields = packetIn(hex('30 0a 01 0203 0002 c48d 04 05 ff'))
  t.equal(fields.byte(), 1)
  t.equal(fields.number(), 0x0203)
  t.equal(fields.text('a text'), 'č')
  t.notOk(fields.isAtEnd)
  t.equal(fields.number(), 0x0405)
  t.equal(fields.byte(), 255)
  t.ok(fields.isAtEnd)
  t.equal(
    faultOf(() => fields.byte()),
    'mqtt-malformed',
  )
})

t.test('text is UTF-8 of fit characters', async (t) => {
  const unfit = {
    'half a surrogate pair': 'eda080',
    'an overlong slash': 'c0af',
    NUL: '00',
    'a line break': '0a',
    'a C1 control': 'c285',
    'a non-character': 'efbfbf',
  }
  for (const [title, bytes] of Object.entries(unfit)) {
    const content = hex(bytes)
    const fields = packetIn(packet(0x30, Buffer.from([0, content.length]), content))
    t.equal(
      faultOf(() => fields.text('a text')),
      'mqtt-malformed',
      title,
    )
  }
})

t.test('what is not seen is text like any other, and none of it is lost', async (t) => {
  // [MQTT-1.5.3-3] A byte order mark, then the replacement character and a zero width joiner.
  const content = hex('efbbbf efbfbd e2808d')
  const fields = packetIn(packet(0x30, Buffer.from([0, content.length]), content))
  t.equal(fields.text('a text'), '\ufeff\ufffd\u200d')
})

t.test('the content begins behind a length of one to four bytes', async (t) => {
  const starts = { '3001': 2, '308001': 3, '30808001': 4, '3080808001': 5 }
  for (const [header, start] of Object.entries(starts)) {
    t.equal(packetIn(hex(header)).start, start)
  }
})

t.test('of an oversize message the head tells what it is', async (t) => {
  const head = Buffer.concat([hex('32'), lengthBytes(300), hex('0001 61 0007 78')])
  const packet = packetIn(head)
  t.ok(packet.isOversize)
  t.notOk(packetIn(hex('30 03 0001 61')).isOversize)
  t.notOk(packetIn(hex('d0 00')).isOversize)
  t.same(packet.head().bytes, head.subarray(0, head.length - 1))
  const atMostOnce = Buffer.concat([hex('30'), lengthBytes(300), hex('0001 61 78')])
  t.same(packetIn(atMostOnce).head().bytes, atMostOnce.subarray(0, atMostOnce.length - 1))
  t.match(packet.oversizeError(100).message, /at most 100 bytes, got 303/)
  t.match(packet.oversizeError(1000).message, /others hold too much/)
})
