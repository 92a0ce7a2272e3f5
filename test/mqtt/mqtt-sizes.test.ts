import { once } from 'node:events'
import t from 'tap'
import { atLength } from '../full-length.ts'
import {
  accepted,
  hex,
  isPublish,
  number,
  openHub,
  type PublishFields,
  pingPacket,
  publishPacket,
  type RawMqtt,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { everybody } from '../started-hub.ts'
import { clientOf, subscriberTo } from './wire-clients.ts'

/** Waits until all that `raw` has sent was taken by the hub, or by the kernel. */
async function untilRead({ stream }: RawMqtt): Promise<void> {
  if (stream.writableLength > 0) await once(stream, 'drain')
}

/** A message of so many bytes, topic included. */
function messageOf(bytes: number, fields: PublishFields = {}): Buffer {
  const headBytes = 'big'.length + 2 + (fields.qos ? 2 : 0)
  return publishPacket('big', { ...fields, payload: Buffer.alloc(bytes - headBytes, 'x') })
}

function releaseOf(id: number): Buffer {
  return Buffer.concat([hex('6202'), number(id)])
}

for (const [way, open] of Object.entries(ways)) {
  t.test(`a message at its limit passes over ${way}, and a larger one is read past`, async (t) => {
    const hub = await openHub(t)
    const seen = await subscriberTo(t, hub, { qos: 2 })
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

for (const [way, open] of Object.entries(ways)) {
  t.test(
    `who sends more than a thousand at QoS 2 over ${way} before any PUBREL loses nothing`,
    async (t) => {
      const rates = { publishesPerSecond: 100_000, publishBurst: 200_000 }
      const requests = { requestsPerSecond: 100_000, requestBurst: 200_000 }
      // Two of the largest messages are less than 1 MiB, so that this is what may wait.
      const hub = await openHub(t, {
        limits: { mqtt: { ...rates, ...requests, publishBytes: 1000 } },
      })
      const seen = await subscriberTo(t, hub, { filters: ['big'] })
      const raw = await signedIn(await open(t, hub))
      const ids = Array.from({ length: atLength(5000, 1500) }, (_, at) => at + 1)
      raw.send(
        ...ids.map((id) => messageOf(1000, { qos: 2, id })),
        ...ids.map(releaseOf),
        pingPacket,
      )
      await raw.next((answer) => answer === 'd000')
      const answers = (type: string) =>
        raw.packets.filter((answer) => answer.startsWith(type)).length
      t.equal(answers('5002'), ids.length, 'PUBREC')
      t.equal(answers('7002'), ids.length, 'PUBCOMP')
      await settled(seen)
      t.equal(seen.packets.filter(isPublish).length, ids.length)
    },
  )
}

t.test('a message that is too large takes away what is retained, if its sender may', async (t) => {
  const rules: [{ allow: ['read']; topic: string }] = [{ allow: ['read'], topic: '#' }]
  const users = { ...everybody, weak: { password: 'x', rules } }
  const hub = await openHub(t, { users, limits: { mqtt: { publishBytes: 99 } } })
  const raw = await clientOf(t, hub)
  const login = { user: 'weak', password: 'x', clientId: 'weak' }
  const weak = await clientOf(t, hub, login)
  const retainedNow = async () => {
    const late = await clientOf(t, hub, { clientId: 'late' })
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
  const holder = await clientOf(t, hub, { clientId: 'holder' })
  holder.send(messageOf(600_000).subarray(0, 590_000))
  await untilRead(holder)
  const raw = await clientOf(t, hub)
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
  const raw = await clientOf(t, hub)
  raw.send(subscribePacket(['#']))
  await raw.next()
  const behind = messageOf(300)
  raw.send(messageOf(200_000), behind.subarray(0, 10))
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 199_995)
  raw.send(behind.subarray(10))
  t.equal(readPublish(await raw.next(isPublish)).payload.length, 295)
})
