import type { Bus } from '../bus/bus.ts'
import type { Message } from '../core/message.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import { shapeOf } from './clown-model.ts'

/** The last report on every topic: what a client that connects now would otherwise wait for. */
export interface LastValues {
  /** The retained or last known message of every topic below `base`, sorted by topic. */
  below(base: string): Promise<Message[]>
  close(): void
}

/** Bounds of what is kept for topics whose nodes do not retain; the longest silent go first. */
export interface LastValuesLimits {
  readonly topics: number
  readonly totalBytes: number
}

export function keepLastValues(bus: Bus, limits: LastValuesLimits): LastValues {
  const values = new Map<string, Message>()
  let bytes = 0
  const forget = (topic: string) => {
    bytes -= values.get(topic)?.payload.bytes.length ?? 0
    values.delete(topic)
  }
  const keep = (message: Message) => {
    // Notifications and commands are events: told again later they would be lies.
    if (shapeOf(message.topic) !== 'report') return
    forget(message.topic)
    // [MQTT-3.3.1-10] An empty retained message clears the value.
    if (message.retain && message.payload.bytes.length === 0) return
    values.set(message.topic, message)
    bytes += message.payload.bytes.length
    for (const topic of values.keys()) {
      if (values.size <= limits.topics && bytes <= limits.totalBytes) break
      forget(topic)
    }
  }
  return {
    below: async (base) => {
      const found = new Map<string, Message>()
      for await (const message of bus.retained(filterBelow(base))) found.set(message.topic, message)
      for (const [topic, message] of values) {
        if (relativeTopic(base, topic) !== undefined) found.set(topic, message)
      }
      return [...found.values()].sort(byTopic)
    },
    close: bus.subscribe('#', keep),
  }
}

function byTopic(one: Message, other: Message): number {
  return one.topic < other.topic ? -1 : 1
}
