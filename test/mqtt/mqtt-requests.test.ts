import t from 'tap'
import {
  disconnectPacket,
  hex,
  isPublish,
  number,
  openHub,
  packet,
  pingPacket,
  publishPacket,
  readPublish,
  signedIn,
  subscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { clientOf } from './wire-clients.ts'

/** Many packets in one piece. */
function timesOf(times: number, one: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => one))
}

const slow = { mqtt: { requestsPerSecond: 50, requestBurst: 10 } }

const floods: Record<string, Buffer> = {
  pings: pingPacket,
  'subscriptions to nothing new': subscribePacket(['a/+', 'b/+', 'a/+', 'b/+']),
  'ends of subscriptions': hex('a2 05 0001 0001 61'),
  'acknowledgements of nothing': hex('4002 0001'),
  'releases of nothing': hex('6202 0001'),
}

for (const [way, open] of Object.entries(ways)) {
  for (const [title, one] of Object.entries(floods)) {
    t.test(`F23: a flood of ${title} over ${way} is held back, and others go on`, async (t) => {
      const hub = await openHub(t, { limits: slow })
      const healthy = await clientOf(t, hub, { clientId: 'healthy' })
      const flooder = await signedIn(await open(t, hub), { clientId: 'flooder' })
      flooder.send(timesOf(2000, one))
      t.match(await hub.log.next(({ kind }) => kind === 'mqtt-held-back'), { client: 'flooder' })
      const startMs = performance.now()
      for (let times = 0; times < 20; times++) {
        healthy.send(subscribePacket(['x']), publishPacket('x'))
        await healthy.next(isPublish)
      }
      const seconds = (performance.now() - startMs) / 1000
      t.ok(flooder.packets.length < 40 + 60 * seconds, `${flooder.packets.length} answers`)
    })
  }
}

t.test('who was held back is answered in the end, each packet in order', async (t) => {
  const limits = { mqtt: { requestsPerSecond: 10_000, requestBurst: 10 } }
  const hub = await openHub(t, { limits })
  const raw = await clientOf(t, hub, { clientId: 'raw' })
  const count = 3000
  raw.send(
    ...Array.from({ length: count }, (_, at) => packet(0xa2, number(at + 1), hex('0001 61'))),
    publishPacket('last', { qos: 1 }),
    disconnectPacket,
  )
  await raw.next((answer) => answer === '40020001')
  t.equal(raw.packets.length, 1 + count + 1)
  t.same(
    raw.packets.slice(1, -1),
    Array.from({ length: count }, (_, at) => `b002${number(at + 1).toString('hex')}`),
  )
  await raw.ended
})

t.test('a publisher that keeps its rate and acknowledges as much is never held back', async (t) => {
  const hub = await openHub(t, { limits: slow })
  const one = await clientOf(t, hub, { clientId: 'one' })
  const other = await clientOf(t, hub, { clientId: 'other' })
  for (const raw of [one, other]) {
    raw.send(subscribePacket(['both'], 1))
    await raw.next()
  }
  const rounds = 800
  for (let round = 1; round <= rounds; round++) {
    for (const raw of [one, other]) raw.send(publishPacket('both', { qos: 1, id: round }))
    for (const raw of [one, other, one, other]) {
      const { id = 0 } = readPublish(await raw.next(isPublish))
      raw.send(packet(0x40, number(id)))
    }
  }
  t.notOk(hub.counters()['mqtt-held-back'])
})

t.test('who was held back, and then breaks a rule, is cut', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { publishesPerSecond: 5, publishBurst: 1 } } })
  const raw = await clientOf(t, hub, { clientId: 'raw' })
  raw.send(publishPacket('a'), publishPacket('a', { qos: 3 }))
  await raw.ended
  const { 'mqtt-held-back': held = 0, 'mqtt-malformed': malformed } = hub.counters()
  // A timer may be early by part of a millisecond; then it waits once more.
  t.ok(held > 0)
  t.equal(malformed, 1)
})
