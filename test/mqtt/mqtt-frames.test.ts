import t from 'tap'
import {
  accepted,
  answersUntilCut,
  type ConnectFields,
  connectPacket,
  field,
  hex,
  isPublish,
  lengthBytes,
  number,
  openHub,
  packet,
  pingPacket,
  publishPacket,
  rawMqttTo,
  settled,
  signedIn,
  subscribePacket,
  unsubscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { clientOf, subscriberTo } from './wire-clients.ts'

const notUtf8 = {
  'a lone surrogate': hex('61 eda080'),
  'an overlong slash': hex('61 c0af 62'),
  'a byte that starts nothing': hex('61 ff'),
  'a character that is cut off': hex('61 c4'),
}

for (const [way, open] of Object.entries(ways)) {
  t.test(`F10: malformed first packets over ${way} end the connection`, async (t) => {
    const hub = await openHub(t)
    const rest = field('MQTT')
    const bytes = {
      'a PUBLISH before CONNECT': publishPacket('a'),
      'a SUBSCRIBE before CONNECT': subscribePacket(['a']),
      'a PINGREQ before CONNECT': pingPacket,
      'packet type 0': hex('00 00'),
      'packet type 15': hex('f0 00'),
      'a CONNACK': hex('20 02 0000'),
      'CONNECT with flags in its first byte': hex('11 0d 0004 4d515454 04 02 000a 0001 70'),
      'a CONNECT of length 0': hex('10 00'),
      'a length of five bytes': hex('10 ffffffff 7f'),
      'a length of five bytes that is small': hex('10 80808080 01'),
      'a CONNECT that is longer than its fields': hex('10 0e 0004 4d515454 04 02 000a 0001 70 00'),
      'a CONNECT that is shorter than its fields': hex('10 0d 0004 4d515454 04 02 000a 0009 70'),
      'another protocol name': hex('10 0d 0004 6d717474 04 02 000a 0001 70'),
      'the reserved connect flag': connectPacket({ flags: 3 }),
      'a will QoS of 3': connectPacket({ will: { topic: 'a' }, flags: 30 }),
      'a will QoS without a will': connectPacket({ flags: 10 }),
      'a will retain without a will': connectPacket({ flags: 34 }),
      'a password without a user': connectPacket({ password: 'a', flags: 66 }),
      'a protocol name without an end': packet(0x10, number(9), rest, rest),
      'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
    }
    for (const [title, packetBytes] of Object.entries(bytes)) {
      t.same(await answersUntilCut(await open(t, hub), packetBytes), [], title)
    }
    const lines = hub.log.items.filter(({ kind }) => kind === 'mqtt-malformed')
    t.ok(lines.length < 5, 'the log says so at most once a second')
    t.equal(hub.counters()['mqtt-malformed'], Object.keys(bytes).length)
  })

  t.test(`F10: a CONNECT over ${way} that asks for too much is answered with a code`, async (t) => {
    const hub = await openHub(t)
    const answers: [string, ConnectFields, string][] = [
      ['a level of no protocol', { level: 9 }, '20020001'],
      ['an empty client id with a session', { clientId: '', clean: false }, '20020002'],
      ['an empty client id in MQTT 3.1', { clientId: '', level: 3 }, '20020002'],
      ['a client id of 257 bytes', { clientId: 'a'.repeat(257) }, '20020002'],
      ['a wrong password', { user: 'clown', password: 'wrong' }, '20020004'],
      ['a user of 65 bytes', { user: 'a'.repeat(65), password: 'a' }, '20020004'],
      ['a password of 257 bytes', { user: 'clown', password: 'a'.repeat(257) }, '20020004'],
    ]
    for (const [title, fields, answer] of answers) {
      t.same(await answersUntilCut(await open(t, hub), connectPacket(fields)), [answer], title)
    }
  })

  t.test(`a CONNECT over ${way} at the edge of the limits is accepted`, async (t) => {
    const hub = await openHub(t)
    const connects: [string, ConnectFields][] = [
      ['no keep-alive', { keepAliveSeconds: 0 }],
      ['the longest keep-alive', { keepAliveSeconds: 65_535 }],
      ['the shortest keep-alive', { keepAliveSeconds: 1 }],
      ['a client id of 256 bytes', { clientId: 'a'.repeat(256) }],
      ['an empty client id with a clean session', { clientId: '' }],
      ['MQTT 3.1', { level: 3 }],
      ['the right password', { user: 'clown', password: 'bigclown' }],
    ]
    for (const [title, fields] of connects) {
      const raw = await open(t, hub)
      raw.send(connectPacket(fields))
      t.equal(await raw.next(), accepted, title)
    }
  })

  t.test(`F10: malformed packets after CONNECT over ${way} end the connection`, async (t) => {
    const hub = await openHub(t)
    const packets = {
      'a second CONNECT': connectPacket(),
      'a CONNECT of MQTT 5': connectPacket({ level: 5 }),
      'a PUBLISH of QoS 3': publishPacket('a', { qos: 3 }),
      'a PUBLISH of QoS 0 with DUP': packet(0x38, field('a')),
      'a PUBLISH of message id 0': publishPacket('a', { qos: 1, id: 0 }),
      'a PUBLISH without its message id': packet(0x32, field('a')),
      'a PUBLISH whose topic is longer than it': packet(0x30, number(9), number(9)),
      'a PUBLISH without a topic': publishPacket(''),
      'a PUBLISH of length 0': hex('30 00'),
      'a SUBSCRIBE with flags 0': hex('80 06 0001 0001 61 00'),
      'a SUBSCRIBE of message id 0': subscribePacket(['a'], 0, 0),
      'a SUBSCRIBE of QoS 3': subscribePacket(['a'], 3),
      'a SUBSCRIBE without filters': hex('82 02 0001'),
      'a SUBSCRIBE without its last QoS': packet(0x82, number(1), field('ab')),
      'a SUBSCRIBE to nothing': subscribePacket(['', 'a']),
      'an UNSUBSCRIBE with flags 0': hex('a0 05 0001 0001 61'),
      'an UNSUBSCRIBE without filters': hex('a2 02 0001'),
      'an UNSUBSCRIBE from nothing': unsubscribePacket(['', 'a']),
      'a PUBACK without its id': hex('40 00'),
      'a PUBACK of id 0': hex('40 02 0000'),
      'a PUBREL with flags 0': hex('60 02 0001'),
      'a PUBREL of id 0': hex('62 02 0000'),
      'a PINGREQ with a body': hex('c0 01 00'),
      'a DISCONNECT with a body': hex('e0 01 00'),
      'a PINGRESP': hex('d0 00'),
      'an AUTH': hex('f0 00'),
      'a length of five bytes': hex('30 ffffffff 7f'),
    }
    for (const [title, bytes] of Object.entries(packets)) {
      const raw = await signedIn(await open(t, hub))
      t.same(await answersUntilCut(raw, bytes), [accepted], title)
    }
  })

  t.test(`F11: what is not UTF-8 over ${way} ends the connection`, async (t) => {
    const hub = await openHub(t)
    const seen = await subscriberTo(t, hub)
    for (const [title, bytes] of Object.entries(notUtf8)) {
      const firsts = {
        'client id': connectPacket({ clientId: bytes }),
        user: connectPacket({ user: bytes, password: 'a' }),
        'will topic': connectPacket({ will: { topic: bytes, retain: true } }),
      }
      for (const [what, connect] of Object.entries(firsts)) {
        t.same(await answersUntilCut(await open(t, hub), connect), [], `${title} in the ${what}`)
      }
      const laters = {
        topic: publishPacket(bytes, { retain: true }),
        filter: subscribePacket([bytes]),
        'filter to unsubscribe from': unsubscribePacket([bytes]),
      }
      for (const [what, later] of Object.entries(laters)) {
        const raw = await signedIn(await open(t, hub))
        t.same(await answersUntilCut(raw, later), [accepted], `${title} in the ${what}`)
      }
    }
    await settled(seen)
    t.same(seen.packets.filter(isPublish), [], 'nothing of it was published')
  })
}

t.test('F11: a password is its bytes, and none of them is replaced', async (t) => {
  const hub = await openHub(t, { users: { odd: { password: 'a\u{fffd}' } } })
  const right = connectPacket({ user: 'odd', password: 'a\u{fffd}' })
  const wrong = connectPacket({ user: 'odd', password: hex('61 ff') })
  t.same(await answersUntilCut(await rawMqttTo(t, hub.mqttPort), wrong), ['20020004'])
  const raw = await rawMqttTo(t, hub.mqttPort)
  raw.send(right)
  t.equal(await raw.next(), accepted)
})

t.test('an acknowledgement of the wrong kind ends the connection', async (t) => {
  const hub = await openHub(t)
  const wrong = ['50020001', '70020001']
  for (const answer of wrong) {
    const raw = await clientOf(t, hub)
    raw.send(subscribePacket(['a'], 1), publishPacket('a', { qos: 1, id: 9 }))
    await raw.next(isPublish)
    raw.send(hex(answer))
    await raw.ended
  }
  t.equal(hub.counters()['mqtt-malformed'], wrong.length)
})

t.test('CVE-2023-0809, F10: a packet of 200 MB is refused from its fixed header', async (t) => {
  const hub = await openHub(t)
  const twoMiB = 2 * 1024 * 1024
  const huge = lengthBytes(200_000_000)
  const part = Buffer.alloc(64 * 1024)
  const firsts = {
    CONNECT: [Buffer.from([0x10])],
    'PUBLISH at first': [Buffer.from([0x30])],
    SUBSCRIBE: [connectPacket(), Buffer.from([0x82])],
  }
  const sendMessage = async () => {
    const before = process.memoryUsage()
    const raw = await clientOf(t, hub)
    raw.send(Buffer.from([0x30]), huge, part)
    await settled(await clientOf(t, hub, { clientId: 'other' }))
    raw.stream.destroy()
    const after = process.memoryUsage()
    t.ok(after.arrayBuffers - before.arrayBuffers < twoMiB, 'PUBLISH: nothing is kept of it')
  }
  const sendEach = async () => {
    for (const [title, first] of Object.entries(firsts)) {
      const before = process.memoryUsage()
      const raw = await rawMqttTo(t, hub.mqttPort)
      raw.send(...first, huge, part)
      await raw.ended
      const after = process.memoryUsage()
      t.ok(after.arrayBuffers - before.arrayBuffers < twoMiB, `${title}: buffers`)
    }
    await sendMessage()
  }
  // The first time, code that never ran before is compiled.
  await sendEach()
  const residentBytes = process.memoryUsage.rss()
  const rounds = 5
  for (let round = 0; round < rounds; round++) await sendEach()
  const grownBytes = process.memoryUsage.rss() - residentBytes
  t.ok(grownBytes / (rounds * 4) < twoMiB, 'resident memory of a socket, on average')
  t.match(hub.counters(), { 'mqtt-packet-too-big': 12, 'mqtt-malformed': 6 })
})
