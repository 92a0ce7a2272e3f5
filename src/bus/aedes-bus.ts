import { setImmediate as turnOver } from 'node:timers/promises'
import type { Aedes, AedesPublishPacket, PublishPacket } from 'aedes'
import type { Logger } from 'pino'
import type { JsonLimits } from '../core/json.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { Bus } from './bus.ts'
import { toBytes } from './own-copy.ts'
import type { RetainedValues } from './retained-values.ts'

/** What carries a message inside Aedes; wills are such packets too. */
type Packet = Pick<PublishPacket, 'topic' | 'payload' | 'qos' | 'retain'>

export interface AedesBusOptions {
  readonly aedes: Aedes
  readonly retained: Pick<RetainedValues, 'matching' | 'on'>
  readonly reader: PacketReader
  readonly log: Logger
}

/** The bus inside an embedded Aedes. */
export function createAedesBus({ aedes, retained, reader, log }: AedesBusOptions): Bus {
  const publishInOrder = createOrder((message, done) => {
    aedes.publish(toPacket(message, reader), (error) => {
      if (error) log.error({ err: error, topic: message.topic }, 'a message was not published')
      done()
    })
  })
  return {
    publish: publishInOrder,
    retainedOn: (topic) => {
      const message = retained.on(topic)
      return message && reader.readOnce(message)
    },
    subscribe: (filter, deliver) => {
      const subscriber = createSubscriber(filter, (packet) => deliver(reader.read(packet)))
      aedes.subscribe(filter, subscriber.receive, ignore)
      return () => {
        subscriber.stop()
        aedes.unsubscribe(filter, subscriber.receive, ignore)
      }
    },
    retained: async function* (filter) {
      for (const message of retained.matching(filter)) {
        if (message === undefined) await turnOver()
        // What is kept is bytes only; what they decode to lives as long as somebody reads it.
        else yield reader.readOnce(message)
      }
    },
  }
}

/**
 * Aedes takes longer for a message it stores than for one it does not, and the second would overtake
 * the first. So what follows a message that is stored waits until that one has gone out.
 */
function createOrder(publish: (message: Message, done: () => void) => void) {
  const waiting: Message[] = []
  let isStoring = false
  const send = (message: Message) => {
    const isStored = message.qos > 0 || message.retain
    if (isStored) isStoring = true
    publish(message, isStored ? sendWaiting : ignore)
  }
  const sendWaiting = () => {
    isStoring = false
    while (!isStoring) {
      const next = waiting.shift()
      if (next === undefined) return
      send(next)
    }
  }
  return (message: Message) => {
    if (isStoring) waiting.push(message)
    else send(message)
  }
}

function toPacket(message: Message, reader: PacketReader): PublishPacket {
  const { topic, payload, qos, retain, bridge } = message
  reader.know(payload)
  const packet = { cmd: 'publish', topic, payload: payload.bytes, qos, retain, dup: false } as const
  return bridge === undefined ? packet : { ...packet, clientId: bridge }
}

function createSubscriber(filter: string, deliver: (packet: AedesPublishPacket) => void) {
  // [MQTT-4.7.2-1] A filter that starts with a wildcard does not match topics that start with $.
  const hidesDollar = filter.startsWith('#') || filter.startsWith('+')
  let stopped = false
  return {
    receive: (packet: AedesPublishPacket, done: () => void) => {
      // Aedes forgets a listener one turn late.
      if (!stopped && !(hidesDollar && packet.topic.startsWith('$'))) deliver(packet)
      done()
    },
    stop: () => {
      stopped = true
    },
  }
}

/** Turns Aedes' packets into messages, so that all readers of a packet share one decoded payload. */
export interface PacketReader {
  read(packet: Packet): Message
  /** As `read`, of a packet that is kept: what its payload decodes to is not kept with it. */
  readOnce(packet: Packet): Message
  /** Remembers a payload that may come back inside a packet. */
  know(payload: Payload): void
}

const payloadOf = Symbol('the payload that these bytes are')

/** Written to the bytes themselves: a map beside them, of keys that come and go, keeps memory busy. */
type KnownBytes = Buffer & { [payloadOf]?: Payload }

/** JSON past `limits` is read as other text. */
export function createPacketReader(limits?: JsonLimits): PacketReader {
  const know = (payload: Payload) => {
    const bytes: KnownBytes = payload.bytes
    bytes[payloadOf] = payload
    return payload
  }
  return {
    know,
    read: (packet) => {
      const bytes: KnownBytes = toBytes(packet.payload)
      return messageOf(packet, bytes[payloadOf] ?? know(new Payload(bytes, limits)))
    },
    readOnce: (packet) => messageOf(packet, new Payload(toBytes(packet.payload), limits)),
  }
}

function messageOf({ topic, qos, retain }: Packet, payload: Payload): Message {
  return { topic, qos, retain, payload }
}

function ignore(): void {}
