import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { SessionConnection } from '../../src/mqtt/client-output.ts'
import { createClients } from '../../src/mqtt/clients.ts'
import { packetTypes } from '../../src/mqtt/packet.ts'
import { MqttSession } from '../../src/mqtt/session.ts'
import { ShareGroups, SubscriptionQuota } from '../../src/mqtt/subscriptions.ts'
import { openJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { changingDirectory, userNamed } from '../access/changing-directory.ts'
import { createInbox } from '../inbox.ts'
import {
  disconnectPacket,
  hex,
  isPublish,
  number,
  openHub,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { mqttTo, type StartedHub } from '../started-hub.ts'
import { delivery } from './kept-message.ts'
import { clientOf } from './wire-clients.ts'

async function keptClient(t: Test, hub: StartedHub, clientId = 'kept'): Promise<RawMqtt> {
  return signedIn(await rawMqttTo(t, hub.mqttPort), { clientId, clean: false })
}

async function leave(hub: StartedHub, raw: RawMqtt): Promise<void> {
  raw.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
}

/** Acknowledges whatever comes, and collects what comes for the first time. */
function collect(raw: RawMqtt) {
  const firsts = createInbox<number>()
  const answer = (text: string) => {
    if (text.startsWith('6')) raw.send(packet(0x70, Buffer.from(text, 'hex').subarray(2)))
    if (!isPublish(text)) return
    const { qos, id = 0, dup, payload } = readPublish(text)
    if (!dup) firsts.put(Number(payload))
    raw.send(packet(qos === 1 ? 0x40 : 0x50, number(id)))
  }
  let answered = 0
  const answerAll = () => {
    for (const text of raw.packets.slice(answered)) answer(text)
    answered = raw.packets.length
  }
  answerAll()
  raw.stream.on('data', answerAll)
  return firsts
}

for (const qos of [1, 2] as const) {
  t.test(
    `a client that returns while messages flow at QoS ${qos} has each, in order`,
    async (t) => {
      const hub = await openHub(t, { limits: { mqtt: { qos2Window: 1000 } } })
      const first = await keptClient(t, hub)
      first.send(subscribePacket(['kept'], qos))
      await first.next()
      await leave(hub, first)
      const sender = await mqttTo(t, hub)
      let sent = 0
      const publish = (count: number) => {
        const end = sent + count
        while (sent < end) sender.client.publish('kept', String(sent++), { qos })
      }
      const received: number[] = []
      for (let round = 0; round < 5; round++) {
        publish(100)
        await sender.client.publishAsync('other', '', { qos: 1 })
        const raw = await rawMqttTo(t, hub.mqttPort)
        publish(100)
        const kept = await signedIn(raw, { clientId: 'kept', clean: false })
        const firsts = collect(kept)
        publish(100)
        await firsts.next((value) => value === sent - 1)
        received.push(...firsts.items)
        kept.send(disconnectPacket)
        await once(kept.stream, 'close')
      }
      t.same(
        received,
        Array.from({ length: sent }, (_, at) => at),
      )
      t.notOk(hub.counters()['mqtt-messages-dropped'])
    },
  )
}

t.test('messages to a client that is there do not push out those it missed', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { messages: 100 } } })
  const first = await keptClient(t, hub)
  first.send(subscribePacket(['kept'], 1))
  await first.next()
  await leave(hub, first)
  const sender = await clientOf(t, hub, { clientId: 'sender' })
  const publish = (from: number) => {
    const payloads = Array.from({ length: 100 }, (_, at) => String(from + at))
    sender.send(...payloads.map((payload) => publishPacket('kept', { payload, qos: 1, id: 1 })))
  }
  publish(0)
  await settled(sender)
  const kept = await keptClient(t, hub)
  publish(100)
  const firsts = collect(kept)
  await firsts.next((value) => value === 199)
  t.equal(firsts.items.length, 200)
})

t.test('QoS 2 messages of a kept session stay open over all its connections', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { qos2Window: 2 } } })
  const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
  seen.send(subscribePacket(['a']))
  await seen.next()
  for (const ids of [
    [1, 2],
    [3, 4],
    [4, 1],
  ]) {
    const raw = await keptClient(t, hub)
    for (const id of ids) {
      raw.send(publishPacket('a', { qos: 2, id, payload: String(id) }))
      t.equal(await raw.next(), `5002000${id}`)
    }
    await leave(hub, raw)
  }
  await settled(seen)
  const payloads = seen.packets.filter(isPublish).map((text) => String(readPublish(text).payload))
  t.same(payloads, ['1', '2', '3', '4'], 'none of them is forgotten')
})

t.test('a QoS 2 message that comes twice at once is published once', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub)
  raw.send(subscribePacket(['a']))
  await raw.next()
  const message = publishPacket('a', { qos: 2, id: 5 })
  raw.send(message, message, hex('6202 0005'))
  await settled(raw)
  t.equal(raw.packets.filter(isPublish).length, 1)
  t.equal(raw.packets.filter((answer) => answer === '50020005').length, 2)
})

t.test('a session whose client came again in time is not given up', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { count: 1 } } })
  const first = await keptClient(t, hub)
  first.send(subscribePacket(['kept'], 1))
  await first.next()
  const second = await keptClient(t, hub)
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  for (const clientId of ['one', 'two']) await leave(hub, await keptClient(t, hub, clientId))
  const sender = await clientOf(t, hub, { clientId: 'sender' })
  sender.send(publishPacket('kept', { qos: 1 }))
  t.match(readPublish(await second.next(isPublish)), { topic: 'kept' })
  t.equal(hub.counters()['mqtt-sessions-ended'], 1)
})

t.test('past the bytes of all sessions the one with most is given up', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { totalBytes: 600 } } })
  for (const clientId of ['one', 'two']) {
    const raw = await keptClient(t, hub, clientId)
    raw.send(subscribePacket([clientId], 1))
    await raw.next()
    await leave(hub, raw)
  }
  const sender = await clientOf(t, hub, { clientId: 'sender' })
  for (const topic of ['one', 'two', 'two']) sender.send(publishPacket(topic, { qos: 1 }))
  await settled(sender)
  t.match(await hub.log.next(({ kind }) => kind === 'mqtt-sessions-ended'), { client: 'two' })
  t.notOk(hub.counters()['mqtt-messages-dropped'])
})

// --- without a hub ---

/** A kept session, and a connection that says what was written. */
function startSession() {
  const usage = { bytes: 0 }
  const limits = { messages: 9, bytes: 1000 }
  const nowhere = { on: () => {}, removeListener: () => {} }
  const state = { hasRoom: true }
  const reader = userNamed('one', { role: 'viewer' })
  const directory = changingDirectory(reader)
  const session = new MqttSession(
    { name: 'one:a', expirySeconds: 60 },
    {
      bus: nowhere,
      clients: createClients(directory),
      groups: new ShareGroups(nowhere, []),
      quota: new SubscriptionQuota({ subscriptions: 9, totalSubscriptions: 9 }),
      journal: openJournal(openMemoryStore()),
      limits,
      usage,
      onKept: () => {},
      onHanded: () => {},
      onDropped: () => {},
    },
  )
  const written: string[] = []
  const connection: SessionConnection = {
    isBridge: false,
    hasProperties: true,
    receiveMaximum: 65_535,
    isBehind: false,
    send: ({ payload }, { qos }, { id, isAgain }) => {
      written.push(`${payload} at ${qos} as ${id}${isAgain ? ' again' : ''}`)
      return payload.length < 10
    },
    sendRelease: (id) => {
      written.push(`PUBREL ${id}`)
    },
    hasReplayRoom: () => state.hasRoom,
    takenOver: () => {},
    lastByteAtMs: 10,
    reset: () => written.push('reset'),
  }
  return { session, connection, written, state, directory, reader }
}

t.test(
  'a message that is recalled is not written, and resets a wire that may be dead',
  async (t) => {
    const { session, connection, written } = startSession()
    const message = { topic: 't', qos: 1, sentAtMs: 10, isFor: () => false } as const
    session.subscribe({
      filter: 't',
      qos: 1,
      noLocal: false,
      asPublished: false,
      retainHandling: 0,
      identifier: undefined,
    })
    session.recall(message)
    t.same(written, [], 'nobody is there')
    session.attach(connection, 60)
    session.recall({ ...message, sentAtMs: 9 })
    t.same(written, [], 'something has come since')
    session.recall({ ...message, topic: 'elsewhere' })
    t.same(written, [], 'it was not for the client')
    session.recall({ ...message, qos: 0 })
    t.same(written, [], 'it is not acknowledged')
    session.recall({ ...message, qos: 0, isFor: (name) => name === 'one:a' })
    session.recall(message)
    t.same(written, ['reset', 'reset'])
    const told = written.length
    session.keep(delivery(1))
    t.equal(written.length, told + 1)
  },
)

t.test(
  'the rights of its client are looked up once, and anew when a user has changed',
  async (t) => {
    const { session, directory, reader } = startSession()
    const { rights } = session
    t.ok(rights?.mayRead('a'))
    t.equal(session.rights, rights)
    directory.change(userNamed('one'))
    t.equal(session.rights?.mayRead('a'), false)
    directory.change()
    t.equal(session.rights, undefined)
    directory.change(reader)
    t.ok(session.rights?.mayRead('a'))
  },
)

t.test('a replay waits for a connection that is full', async (t) => {
  const { session, connection, written, state } = startSession()
  for (const at of [1, 2]) session.keep(delivery(at))
  state.hasRoom = false
  session.attach(connection, 60)
  session.flow()
  t.same(written, [])
  session.keep(delivery(3))
  t.same(written, [], 'what is new waits behind it')
  state.hasRoom = true
  session.flow()
  t.same(written, ['1 at 1 as 1', '2 at 1 as 2', '3 at 1 as 3'])
  session.keep(delivery(4))
  t.equal(written.length, 4, 'what is live waits for nobody')
  session.detach(connection)
  session.keep(delivery(5))
  t.equal(written.length, 4, 'nothing goes to a connection that has ended')
})

t.test('what a client may not have is not written, and does not wait', async (t) => {
  const { session, connection, written, directory, reader } = startSession()
  session.keep(delivery(1))
  const expired = { bytes: Buffer.alloc(0), expiresAtMs: Date.now() - 1 }
  session.keep(delivery(2, { properties: expired }))
  directory.change(userNamed('one'))
  session.attach(connection, 60)
  session.flow()
  t.ok(session.queue.isEmpty)
  directory.change(reader)
  session.keep(delivery(3, { properties: expired }))
  t.ok(session.queue.isEmpty, 'nor what has expired [MQTT-3.3.2-5]')
  t.same(written, [])
})

t.test('what is too large for a client is as if it had it [MQTT-3.1.2-25]', async (t) => {
  const { session, connection, written } = startSession()
  session.attach(connection, 60)
  session.flow()
  session.keep(delivery(1, { payload: Buffer.alloc(10, 'x') }))
  t.equal(written.length, 1)
  t.ok(session.queue.isEmpty)
})

t.test('PUBREC is answered with PUBREL, whoever remembers the message', async (t) => {
  const { session, connection, written } = startSession()
  session.attach(connection, 60)
  session.keep(delivery(1, { qos: 2 }))
  const { pubrec, pubcomp } = packetTypes
  t.ok(session.acknowledged(pubrec, 1, false))
  t.notOk(session.acknowledged(pubrec, 1, false))
  t.notOk(session.acknowledged(pubrec, 9, false))
  t.notOk(session.acknowledged(pubrec, 9, true), 'but for one that was not taken')
  t.ok(session.acknowledged(pubcomp, 1, false))
  t.same(written.slice(1), ['PUBREL 1', 'PUBREL 1', 'PUBREL 9'])
})
