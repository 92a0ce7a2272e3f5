import { deepStrictEqual } from 'node:assert'
import { setImmediate as turnOver } from 'node:timers/promises'
import type { Test } from 'tap'
import { matches } from '../../src/core/filter.ts'
import { lowerQos, type Qos } from '../../src/core/message.ts'
import { readRetained } from '../../src/mqtt/retained.ts'
import { storedSessions } from '../../src/mqtt/session-journal.ts'
import { openJournal } from '../../src/store/journal.ts'
import type { Store } from '../../src/store/store.ts'
import {
  disconnectPacket,
  isPublish,
  number,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  unsubscribePacket,
} from '../raw-mqtt.ts'
import { lastingStore, listed } from '../store/lasting-store.ts'
import { type OpenedBroker, openedBroker } from './opened-broker.ts'

interface Message {
  readonly topic: string
  readonly payload: string
  readonly qos: Qos
}

interface ModelSession {
  readonly isKept: boolean
  readonly filters: Map<string, Qos>
  /** What waits while the client is away. */
  waiting: Message[]
}

interface Model {
  readonly retained: Map<string, Message>
  readonly sessions: Map<string, ModelSession>
}

/** At which QoS a session gets a message; undefined when nothing matches. */
function deliveredQos({ filters }: ModelSession, { topic, qos }: Message): Qos | undefined {
  const granted = [...filters].filter(([filter]) => matches(filter, topic)).map(([, own]) => own)
  if (granted.length === 0) return undefined
  return Math.min(qos, Math.max(...granted)) as Qos
}

/** What is on disk, in the words of the model. */
export async function stateOf(store: Store) {
  const journal = openJournal(store)
  const retained = await listed(readRetained(journal))
  const sessions = await listed(storedSessions(journal))
  return {
    retained: retained.map(({ topic, payload, qos }) => `${topic}=${payload} at ${qos}`),
    sessions: sessions.map(({ clientId, subscriptions, messages, unreleased }) => ({
      client: clientId,
      filters: subscriptions.map(({ filter, qos }) => `${filter} at ${qos}`),
      waiting: messages.map(
        ({ delivery }) => `${delivery?.message.payload} at ${delivery?.grant.qos}`,
      ),
      unreleased,
    })),
  }
}

function stateOfModel({ retained, sessions }: Model) {
  const kept = [...sessions].filter(([, { isKept }]) => isKept)
  return {
    retained: [...retained.values()]
      .map((one) => `${one.topic}=${one.payload} at ${one.qos}`)
      .sort(),
    sessions: kept
      .map(([client, { filters, waiting }]) => ({
        client: `anonymous:${client}`,
        filters: [...filters].map(([filter, qos]) => `${filter} at ${qos}`).sort(),
        waiting: waiting.map(({ payload, qos }) => `${payload} at ${qos}`),
        unreleased: [],
      }))
      .sort((one, other) => (one.client < other.client ? -1 : 1)),
  }
}

/** Clients of a broker over a store, and a model of what the store has to have. */
export class Scenario {
  readonly #model: Model = { retained: new Map(), sessions: new Map() }
  readonly #t: Test
  readonly #links = new Map<string, RawMqtt>()
  #store: Store
  #broker: OpenedBroker
  #publisher: RawMqtt | undefined
  #count = 0

  constructor(t: Test, store: Store, broker: OpenedBroker) {
    this.#t = t
    this.#store = store
    this.#broker = broker
  }

  /** Begins with nothing. */
  static async start(t: Test): Promise<Scenario> {
    const store = await lastingStore()
    return new Scenario(t, store, await openedBroker(t, store))
  }

  async connect(client: string, isKept: boolean): Promise<void> {
    if (this.#links.has(client)) await this.disconnect(client)
    const before = this.#model.sessions.get(client)
    const goesOn = isKept && before !== undefined
    const session = goesOn ? before : { isKept, filters: new Map(), waiting: [] }
    this.#model.sessions.set(client, session)
    const raw = await signedIn(await rawMqttTo(this.#t, this.#broker.port), {
      clientId: client,
      clean: !isKept,
    })
    this.#links.set(client, raw)
    for (const message of session.waiting.splice(0)) await receive(raw, message)
    await settled(raw)
  }

  async disconnect(client: string): Promise<void> {
    const raw = this.#links.get(client)
    if (raw === undefined) return
    raw.send(disconnectPacket)
    await raw.ended
    this.#links.delete(client)
    if (this.#model.sessions.get(client)?.isKept === false) this.#model.sessions.delete(client)
    await this.#quiet()
  }

  async subscribe(client: string, filter: string, qos: Qos): Promise<void> {
    const raw = this.#links.get(client)
    const session = this.#model.sessions.get(client)
    if (raw === undefined || session === undefined) return
    session.filters.set(filter, qos)
    raw.send(subscribePacket([filter], qos))
    await raw.next((answer) => answer.startsWith('9'))
    for (const message of this.#model.retained.values()) {
      if (!matches(filter, message.topic)) continue
      await receive(raw, { ...message, qos: lowerQos(message.qos, qos) })
    }
    await settled(raw)
  }

  async unsubscribe(client: string, filter: string): Promise<void> {
    const raw = this.#links.get(client)
    if (raw === undefined) return
    this.#model.sessions.get(client)?.filters.delete(filter)
    raw.send(unsubscribePacket([filter]))
    await raw.next((answer) => answer.startsWith('b'))
  }

  async publish(topic: string, qos: Qos, retain: boolean): Promise<void> {
    const payload = String(++this.#count)
    const message = { topic, payload, qos }
    if (retain) this.#model.retained.set(topic, message)
    await this.#send(publishPacket(topic, { payload, qos, retain, id: 1 }), qos)
    await this.#deliver(message)
  }

  async clear(topic: string): Promise<void> {
    this.#model.retained.delete(topic)
    await this.#send(publishPacket(topic, { payload: '', qos: 1, retain: true, id: 1 }), 1)
    await this.#deliver({ topic, payload: '', qos: 1 })
  }

  /** The broker is gone from one moment to the next; another goes on with what is on disk. */
  async crash(): Promise<void> {
    const left = await lastingStore(this.#store)
    await this.#broker.close()
    for (const [client, { isKept }] of this.#model.sessions) {
      if (!isKept) this.#model.sessions.delete(client)
    }
    this.#links.clear()
    this.#publisher = undefined
    this.#store = left
    this.#broker = await openedBroker(this.#t, left)
  }

  async check(): Promise<void> {
    await this.#quiet()
    deepStrictEqual(await stateOf(this.#store), stateOfModel(this.#model))
  }

  async end(): Promise<void> {
    await this.#broker.close()
  }

  /** Publishes, and waits for the last answer. */
  async #send(bytes: Buffer, qos: Qos): Promise<void> {
    this.#publisher ??= await signedIn(await rawMqttTo(this.#t, this.#broker.port))
    const raw = this.#publisher
    raw.send(bytes)
    if (qos === 1) await raw.next((answer) => answer === '40020001')
    if (qos === 2) {
      await raw.next((answer) => answer === '50020001')
      raw.send(packet(0x62, number(1)))
      await raw.next((answer) => answer === '70020001')
    }
    await settled(raw)
  }

  async #deliver(message: Message): Promise<void> {
    for (const [client, session] of this.#model.sessions) {
      const qos = deliveredQos(session, message)
      if (qos === undefined) continue
      const raw = this.#links.get(client)
      if (raw !== undefined) await receive(raw, { ...message, qos })
      else if (qos > 0 && !message.topic.endsWith('/set')) session.waiting.push({ ...message, qos })
    }
  }

  /** Waits until what was noted is on disk: that takes a few turns of the event loop. */
  async #quiet(): Promise<void> {
    for (const raw of this.#links.values()) await settled(raw)
    this.#broker.hurry()
    for (let turn = 0; turn < 8; turn++) await turnOver()
  }
}

/** Receives a message, and acknowledges it to the end. Others on other topics may come before. */
async function receive(raw: RawMqtt, { topic, payload, qos }: Message): Promise<void> {
  const came = await raw.next((text) => {
    if (!isPublish(text)) return false
    const message = readPublish(text)
    return message.topic === topic && String(message.payload) === payload
  })
  const { id = 0, ...message } = readPublish(came)
  if (message.qos !== qos) throw new Error(`expected QoS ${qos}, got ${message.qos}`)
  if (qos === 1) raw.send(packet(0x40, number(id)))
  if (qos === 2) {
    raw.send(packet(0x50, number(id)))
    await raw.next((answer) => answer === `6202${number(id).toString('hex')}`)
    raw.send(packet(0x70, number(id)))
  }
}
