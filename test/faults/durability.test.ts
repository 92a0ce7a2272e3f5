import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { atLength } from '../full-length.ts'
import {
  isPublish,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { testFolder } from '../test-folder.ts'
import { type CrashingHub, crashingHub } from './crashing-hub.ts'
import { createPublisher, createSubscriber, type Numbered } from './durable-clients.ts'
import { createStateWitness } from './state-witness.ts'

const kills = atLength(50, 10)
/** Starting takes longer than living; so several hubs are killed side by side. */
const hubs = 2
/** The hub works for at most so long before it is killed. */
const maxLifeMs = 200
/** Every so often it lives long enough to write what it knows of nodes. */
const longLifeEvery = 5
const longLifeMs = 2500
/** One subscriber comes only so often: what it missed waits for it through crashes. */
const visitEvery = 7
const states = 8

/** Mixed: QoS 0, 1 and 2 on topics of their own, and retained values. */
function messageOf(count: number): Numbered {
  if (count % 4 === 3) {
    return { number: count, topic: `state/${count % states}`, qos: 1, retain: true }
  }
  const qos = ([0, 1, 2] as const)[count % 3] ?? 0
  return { number: count, topic: `load/${qos}`, qos, retain: false }
}

type Subscriber = ReturnType<typeof createSubscriber>

/** How often `subscriber` had each message above QoS 0; the order of firsts is asserted. */
function deliveriesOf(t: Test, { received }: Subscriber): Map<number, number> {
  const times = new Map<number, number>()
  const lastOn = new Map<string, number>()
  let isInOrder = true
  for (const { number, qos, topic } of received) {
    if (qos === 0) continue
    if (!times.has(number)) {
      if (number < (lastOn.get(topic) ?? 0)) isInOrder = false
      lastOn.set(topic, number)
    }
    times.set(number, (times.get(number) ?? 0) + 1)
  }
  t.ok(isInOrder, 'on each topic they came in order')
  return times
}

/** Waits until nothing new has come for a while. */
async function untilQuiet({ received }: Subscriber, raw: RawMqtt): Promise<void> {
  for (let before = -1; received.length > before; ) {
    before = received.length
    await settled(raw)
    await pause(100)
  }
}

/** The retained values below `state/`, by topic. */
async function readStates(raw: RawMqtt): Promise<Map<string, number>> {
  raw.send(subscribePacket(['state/#'], 0))
  await raw.next((answer) => answer.startsWith('9'))
  await settled(raw)
  await settled(raw)
  const messages = raw.packets.filter(isPublish).map(readPublish)
  return new Map(messages.map(({ topic, payload }) => [topic, Number(payload)]))
}

/** What was acknowledged and is not retained on its topic, by that value or a later one. */
async function lostStates(raw: RawMqtt, acknowledged: readonly Numbered[]): Promise<string[]> {
  const found = await readStates(await signedIn(raw, { clientId: 'reader' }))
  return acknowledged
    .filter(({ retain, topic, number }) => retain && (found.get(topic) ?? 0) < number)
    .map(({ topic, number }) => `${topic}: ${number}`)
}

async function subscribe(subscriber: Subscriber, raw: RawMqtt): Promise<void> {
  await subscriber.connect(raw)
  raw.send(subscribePacket(['load/#'], 2))
  await raw.next((answer) => answer.startsWith('9'))
}

/** Kills one hub again and again, and answers its clients when they have all there is. */
async function crashAgainAndAgain(t: Test, hub: CrashingHub) {
  const publisher = createPublisher('publisher', messageOf)
  const present = createSubscriber('present')
  const visitor = createSubscriber('visitor')
  const witness = createStateWitness()
  let { ports, connect } = await starter(t, hub)
  await subscribe(present, await connect())
  await subscribe(visitor, await connect())
  for (let kill = 1; kill <= kills / hubs; kill++) {
    await publisher.connect(await connect())
    publisher.publish()
    await witness.start(ports)
    await pause(Math.random() * maxLifeMs + (kill % longLifeEvery === 0 ? longLifeMs : 0))
    t.equal(await hub.end('SIGKILL'), null)
    publisher.pause()
    await witness.stop()
    ;({ ports, connect } = await starter(t, hub))
    t.same(await witness.wrong(ports), [], 'locks and nodes')
    t.same(await lostStates(await connect(), publisher.acknowledged), [], 'retained values')
    await present.connect(await connect())
    // The next crash may come in the middle of its visit.
    if (kill % visitEvery === 0) await visitor.connect(await connect())
  }
  await publisher.connect(await connect())
  await publisher.finished()
  for (const subscriber of [present, visitor]) {
    const raw = await connect()
    await subscriber.connect(raw)
    await untilQuiet(subscriber, raw)
  }
  t.equal(await hub.end('SIGTERM'), 0)
  t.comment(`${JSON.stringify(witness.counts())} were asked for`)
  return { acknowledged: publisher.acknowledged, subscribers: { present, visitor } }
}

/** Starts `hub`; answers what connects to it. */
async function starter(t: Test, hub: CrashingHub) {
  const ports = await hub.start()
  return { ports, connect: () => rawMqttTo(t, ports.mqttPort) }
}

t.test('F1: nothing acknowledged is lost, however often the hub is killed', async (t) => {
  t.setTimeout(300_000)
  const folders = Array.from({ length: hubs }, (_, at) => String(at))
  const root = testFolder(t, Object.fromEntries(folders.map((name) => [name, {}])))
  const results = await Promise.all(
    folders.map((name) => crashAgainAndAgain(t, crashingHub(t, join(root, name)))),
  )
  const counts = { acknowledged: 0, delivered: 0, lost: 0, duplicatedQos1: 0, duplicatedQos2: 0 }
  for (const { acknowledged, subscribers } of results) {
    const wanted = acknowledged.filter(({ retain }) => !retain)
    for (const subscriber of Object.values(subscribers)) {
      const times = deliveriesOf(t, subscriber)
      counts.acknowledged += wanted.length
      counts.delivered += times.size
      counts.lost += wanted.filter(({ number }) => !times.has(number)).length
      for (const [number, count] of times) {
        counts[messageOf(number).qos === 1 ? 'duplicatedQos1' : 'duplicatedQos2'] += count - 1
      }
    }
  }
  t.comment(`${kills} kills: ${JSON.stringify(counts)}`)
  t.ok(counts.acknowledged > 10 * kills, 'there was work to do')
  t.equal(counts.lost, 0)
  t.equal(counts.duplicatedQos2, 0, 'at QoS 2 nothing came twice')
})
