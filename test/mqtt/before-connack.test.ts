import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import type { SignInResult } from '../../src/access/sign-in.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { createInbox } from '../inbox.ts'
import {
  accepted,
  connectPacket,
  hex,
  isPublish,
  publishPacket,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { openedBroker } from './opened-broker.ts'

const login = { user: 'anonymous', password: 'x' }

/** A broker that finds out who somebody is when the test says so. */
async function slowSignIn(t: Parameters<typeof openedBroker>[0]) {
  const asked = createInbox<(result: SignInResult) => void>()
  const identify = () => new Promise<SignInResult>((resolve) => asked.put(resolve))
  const broker = await openedBroker(t, openMemoryStore(), { identify })
  const letIn = (answer: (result: SignInResult) => void) =>
    answer({ user: { name: 'anonymous', role: 'admin', rules: [], tokens: [] } })
  return { ...broker, asked, letIn }
}

/** What a client sends of itself before it has heard anything [MQTT-3.1.4-5]. */
const pipelined = [
  subscribePacket(['a/#']),
  publishPacket('a/0', { qos: 0 }),
  publishPacket('a/1', { qos: 1 }),
  publishPacket('a/2', { qos: 2, id: 2 }),
  hex('62020002'),
]
const answers = ['90030001', '40020001', '50020002', '70020002']

t.test('what a socket hands over while it is paused waits behind the rest', async (t) => {
  const { handle, asked, letIn } = await slowSignIn(t)
  const written: Buffer[] = []
  const seen = createInbox<string>()
  const socket = new Duplex({
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      written.push(bytes)
      seen.put(Buffer.concat(written).toString('hex'))
      done()
    },
  })
  handle(socket)
  const subscribe = subscribePacket(['a/#'])
  for (const piece of [connectPacket(login), subscribe.subarray(0, 3), subscribe.subarray(3)]) {
    socket.emit('data', piece)
  }
  letIn(await asked.next())
  t.equal(await seen.next((hex) => hex.includes('90030001')), `${accepted}9003000100`)
  socket.destroy()
})

t.test('[MQTT-3.1.4-5] what comes with CONNECT waits for CONNACK, in any pieces', async (t) => {
  const { port, asked, letIn } = await slowSignIn(t)
  const bytes = Buffer.concat([connectPacket(login), ...pipelined])
  const connectBytes = connectPacket(login).length
  for (const cut of [bytes.length, connectBytes, connectBytes + 1, connectBytes + 12]) {
    const raw = await rawMqttTo(t, port)
    raw.send(bytes.subarray(0, cut))
    const answer = await asked.next()
    raw.send(bytes.subarray(cut))
    t.same(raw.packets, [])
    letIn(answer)
    for (const packet of [accepted, ...answers]) {
      await raw.next((got) => got.startsWith(packet))
    }
    await settled(raw)
    const topics = raw.packets.filter(isPublish).map((packet) => readPublish(packet).topic)
    t.same(topics, ['a/0', 'a/1', 'a/2'])
    raw.stream.destroy()
  }
})

t.test('before CONNACK hardly more than CONNECT is read, and nothing is lost by it', async (t) => {
  const { port, asked, letIn, bytesRead } = await slowSignIn(t)
  const raw = await rawMqttTo(t, port)
  const large = publishPacket('a/large', { payload: Buffer.alloc(1_900_000) })
  raw.send(connectPacket(login), subscribePacket(['a/#']), large, large)
  const answer = await asked.next()
  const other = await signedIn(await rawMqttTo(t, port), { clientId: 'other' })
  for (let round = 0; round < 200; round++) await settled(other)
  const read = bytesRead()
  letIn(answer)
  for (let count = 0; count < 2; count++) {
    t.equal(readPublish(await raw.next(isPublish)).payload.length, 1_900_000)
  }
  t.ok(read < 256 * 1024, `${read} bytes`)
})

t.test('who is refused is told, whatever it sent behind CONNECT', async (t) => {
  const { port, asked } = await slowSignIn(t)
  const raw = await rawMqttTo(t, port)
  raw.send(connectPacket(login), publishPacket('a', { payload: Buffer.alloc(1_900_000) }))
  const answer = await asked.next()
  answer({ refused: 'wrong' })
  t.match(await raw.next(), /^200200/)
  await once(raw.stream.resume(), 'close')
})
