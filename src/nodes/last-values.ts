import type { Bus } from '../bus/bus.ts'
import type { JsonLimits } from '../core/json-shape.ts'
import type { Message } from '../core/message.ts'
import { ownBytes, Payload } from '../core/payload.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import { shapeOf } from './clown-model.ts'

/** The last report on every topic: what a client that connects now would otherwise wait for. */
export interface LastValues {
  /** The retained or last known message of every topic below `base`, sorted by topic. */
  below(base: string): Promise<Message[]>
  close(): void
}

export interface LastValuesLimits {
  /** Bounds of what is kept for topics whose nodes do not retain; the longest silent go first. */
  readonly retained: {
    readonly topics: number
    readonly valueBytes: number
    readonly totalBytes: number
  }
  /** JSON past these is told as other text. */
  readonly json: JsonLimits
}

/** A message without what its payload decodes to, which may need many times its memory. */
interface Kept extends Omit<Message, 'payload'> {
  readonly bytes: Buffer
}

export function keepLastValues(bus: Bus, { retained, json }: LastValuesLimits): LastValues {
  const values = new Map<string, Kept>()
  let totalBytes = 0
  const forget = (topic: string) => {
    const kept = values.get(topic)
    if (kept === undefined) return
    totalBytes -= costOf(kept)
    values.delete(topic)
  }
  const keep = (message: Message) => {
    // Notifications and commands are events: told again later they would be lies.
    if (shapeOf(message.topic) !== 'report') return
    forget(message.topic)
    // [MQTT-3.3.1-10] An empty retained message clears the value.
    const { topic, payload, qos, retain } = message
    if (retain && payload.bytes.length === 0) return
    // The one before would pass for the last one.
    if (payload.bytes.length > retained.valueBytes) return
    const kept = { topic, qos, retain, bytes: ownBytes(payload.bytes) }
    values.set(topic, kept)
    totalBytes += costOf(kept)
    makeRoom()
  }
  const makeRoom = () => {
    for (const oldest of values.keys()) {
      if (values.size <= retained.topics && totalBytes <= retained.totalBytes) return
      forget(oldest)
    }
  }
  return {
    below: async (base) => {
      const found = new Map<string, Message>()
      for await (const message of bus.retained(filterBelow(base))) found.set(message.topic, message)
      for (const [topic, { bytes, ...kept }] of values) {
        if (relativeTopic(base, topic) === undefined) continue
        found.set(topic, { ...kept, payload: new Payload(bytes, json) })
      }
      return [...found.values()].sort(byTopic)
    },
    close: bus.subscribe('#', keep),
  }
}

/** Bytes of a value and its topic, as limits count them. */
function costOf({ topic, bytes }: Kept): number {
  return Buffer.byteLength(topic) + bytes.length
}

function byTopic(one: Message, other: Message): number {
  return one.topic < other.topic ? -1 : 1
}
