import { once } from 'node:events'
import t from 'tap'
import {
  accepted,
  hex,
  isPublish,
  openHub,
  type PublishFields,
  pingPacket,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { everybody } from '../started-hub.ts'

/** Waits until all that `raw` has sent was taken by the hub, or by the kernel. */
async function untilRead({ stream }: RawMqtt): Promise<void> {
  if (stream.writableLength > 0) await once(stream, 'drain')
}

/** A message of so many bytes, topic included. */
function messageOf(bytes: number, fields: PublishFields = {}): Buffer {
  const headBytes = 'big'.length + 2 + (fields.qos ? 2 : 0)
  return publishPacket('big', { ...fields, payload: Buffer.alloc(bytes - headBytes, 'x') })
}

for (const [way, open] of Object.entries(ways)) {
  t.test(`a message at its limit passes over ${way}, and a larger one is read past`, async (t) => {
    const hub = await openHub(t)
    const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
    seen.send(subscribePacket(['#'], 2))
    await seen.next()
    const raw = await signedIn(await open(t, hub))
    raw.send(messageOf(2_000_000))
    t.equal(readPublish(await seen.next(isPublish)).payload.length, 1_999_995)
    for (const qos of [0, 1, 2]) {
      raw.send(messageOf(2_000_001, { qos, id: 7 }), publishPacket('behind', { qos, id: 8 }))
      const error = readPublish(await seen.next(isPublish))
      t.equal(error.topic, 'big/error')
      t.match(JSON.parse(error.payload.toString()), {
        code: 'too-large',
        message: /^expected a message of at most 2000000 bytes, got 20000\d\d$/,
      })
      t.equal(readPublish(await seen.next(isPublish)).topic, 'behind')
    }
    raw.send(hex('62020007 62020008'), pingPacket)
    await raw.next((answer) => answer === 'd000')
    const answers = ['40020007', '40020008', '50020007', '50020008', '70020007', '70020008']
    t.same(raw.packets, [accepted, ...answers, 'd000'], 'in the order of the packets')
    t.equal(hub.counters()['mqtt-packet-too-big'], 3)
  })
}

t.test('a message that is too large takes away what is retained, if its sender may', async (t) => {
  const rules: [{ allow: ['read']; topic: string }] = [{ allow: ['read'], topic: '#' }]
  const users = { ...everybody, weak: { password: 'x', rules } }
  const hub = await openHub(t, { users, limits: { mqtt: { publishBytes: 99 } } })
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  const login = { user: 'weak', password: 'x', clientId: 'weak' }
  const weak = await signedIn(await rawMqttTo(t, hub.mqttPort), login)
  const retainedNow = async () => {
    const late = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'late' })
    late.send(subscribePacket(['big/#']), subscribePacket(['big']))
    await settled(late)
    late.stream.destroy()
    return late.packets.filter(isPublish).length
  }
  raw.send(publishPacket('big', { payload: 'old', retain: true }))
  await settled(raw)
  raw.send(messageOf(100))
  weak.send(messageOf(100, { retain: true }))
  await Promise.all([settled(raw), settled(weak)])
  t.equal(await retainedNow(), 2, 'the old one stays')
  raw.send(messageOf(100, { retain: true }))
  await settled(raw)
  t.equal(await retainedNow(), 0)
})

t.test('past the memory for what comes in, a large message is read past', async (t) => {
  const hub = await openHub(t, { limits: { memory: { mib: 8192, inboundMiB: 1 } } })
  const message = messageOf(1_500_000)
  const holder = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'holder' })
  holder.send(messageOf(600_000).subarray(0, 590_000))
  await untilRead(holder)
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  raw.send(subscribePacket(['#']), messageOf(60_000), message)
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 59_995)
  t.match(readPublish(await raw.next(isPublish)).payload.toString(), 'others hold too much of it')
  holder.send(messageOf(600_000).subarray(590_000))
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 599_995)
  raw.send(messageOf(600_000))
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 599_995, 'there is room again')
})

t.test('behind a large message a packet may come in pieces', async (t) => {
  const hub = await openHub(t)
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  raw.send(subscribePacket(['#']))
  await raw.next()
  const behind = messageOf(300)
  raw.send(messageOf(200_000), behind.subarray(0, 10))
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 199_995)
  raw.send(behind.subarray(10))
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 295)
})
