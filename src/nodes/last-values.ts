import { setImmediate as turnOver } from 'node:timers/promises'
import type { Bus } from '../bus/bus.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import type { DeepReadonly } from '../core/json.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import { SharedMap } from '../core/recency-map.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'

/**
 * The last report on every topic: what a client that connects now would otherwise wait for. Notifications and
 * commands are events: told again later they would be lies.
 */
export interface LastValues {
  /** The topics below `base` that have a value, each at least once; it takes turns with others. */
  topicsBelow(base: string): AsyncIterable<string>
  /** The retained or last known message of `topic`. */
  on(topic: string): Message | undefined
  /** The last known value of `topic`; undefined when there is none, or it was too large to keep. */
  of(topic: string): LastValue | undefined
  /** When the last value of `topic` came, by `Clock.nowMs`. */
  heardMs(topic: string): number | undefined
  /** Puts back what was known before a restart, the oldest first; what is retained is newer. */
  restore(stored: readonly StoredValue[]): Promise<void>
  /** The topics whose first value came from `user`. */
  topicsOf(user: string): string[]
  /** Remembers a report of `user`, which is on the bus; without `heardMs` it came just now. */
  keep(report: Message, user?: string, heardMs?: number): void
  /** There is no last value of `topic` but the one that is retained, if any: nobody knows when that came. */
  forget(topic: string): void
}

/** Last values as they are told: looked up one by one, each with what belongs behind it. */
export interface PastValues extends Pick<LastValues, 'topicsBelow'> {
  /** Nothing when there is no value of `topic` any more. */
  on(topic: string): Message[]
  ageOf(topic: string): Age
}

/** How old a value is, as lines say it. */
export type Age = {
  /** Since it came; null when nobody knows, as of what was retained before a restart. */
  readonly ageMs: number | null
  /** There when it should have come again since, or its node is silent, or nobody knows it any more. */
  readonly stale?: true
}

export interface LastValue {
  readonly payload: Payload
  /** When it came, by `Clock.nowMs`. */
  readonly heardMs: number
}

export interface StoredValue {
  readonly topic: string
  readonly bytes: Buffer
  /** When it came, by `Clock.wallMs`. */
  readonly atMs: number
  /** Who reported it, where that is known. */
  readonly user?: string | undefined
}

/**
 * `retained` bounds what is kept for topics whose nodes do not retain: of the user who has most, the longest silent go first. JSON past
 * `json` is told as other text.
 */
export type LastValuesLimits = DeepReadonly<Pick<Config['limits'], 'retained' | 'json'>>

/**
 * A message without what its payload decodes to, which may need many times its memory. Its bytes are a
 * text of as many characters: that needs less than a buffer of its own, and is made faster.
 */
interface Kept extends Omit<Message, 'topic' | 'payload'> {
  /** Undefined where the bus has it, retained: it is not kept twice. */
  readonly latin1: string | undefined
  readonly heardMs: number
  /** Bytes of the value and its topic, as limits count them. */
  readonly cost: number
}

/** A value as it comes, and whose it is: an empty name where that is not known. */
interface NewValue extends Omit<Kept, 'latin1' | 'cost'> {
  readonly owner: string
}

/** How many topics are looked at before others have their turn. */
const topicsPerTurn = 256

export function createLastValues(
  bus: Pick<Bus, 'retained' | 'retainedOn'>,
  { retained, json }: LastValuesLimits,
  clock: Clock = systemClock,
): LastValues {
  const values = createValues(retained)
  const payloadOf = (latin1: string) => new Payload(Buffer.from(latin1, 'latin1'), json)
  return {
    keep: ({ topic, payload, qos, retain }, owner = '', heardMs = clock.nowMs()) => {
      // [MQTT-3.3.1-10] An empty retained message clears the value.
      if (retain && payload.bytes.length === 0) values.forget(topic)
      else {
        const bytes = retain && bus.retainedOn(topic) !== undefined ? undefined : payload.bytes
        values.keep(topic, { qos, retain, heardMs, owner }, bytes)
      }
    },
    forget: values.forget,
    topicsOf: values.topicsOf,
    topicsBelow: async function* (base) {
      for await (const { topic } of bus.retained(filterBelow(base))) yield topic
      let looked = 0
      for (const topic of values.topics()) {
        if (relativeTopic(base, topic) !== undefined) yield topic
        if (++looked % topicsPerTurn === 0) await turnOver()
      }
    },
    on: (topic) => {
      const kept = values.get(topic)
      if (kept?.latin1 === undefined) return bus.retainedOn(topic)
      const { qos, retain, latin1 } = kept
      return { topic, qos, retain, payload: payloadOf(latin1) }
    },
    of: (topic) => {
      const kept = values.get(topic)
      if (kept === undefined) return undefined
      const { latin1, heardMs } = kept
      const payload = latin1 === undefined ? bus.retainedOn(topic)?.payload : payloadOf(latin1)
      return payload && { payload, heardMs }
    },
    heardMs: (topic) => values.get(topic)?.heardMs,
    restore: async (stored) => {
      for (const { topic, bytes, atMs, user: owner = '' } of stored) {
        // A clock that was set back would make it come from the future.
        const heardMs = clock.nowMs() - Math.max(0, clock.wallMs() - atMs)
        const newer = bus.retainedOn(topic)
        values.keep(
          topic,
          { heardMs, qos: 0, retain: false, owner },
          newer === undefined ? bytes : undefined,
        )
      }
    },
  }
}

/** Values by topic, within their bounds. */
function createValues(limits: LastValuesLimits['retained']) {
  const values = new SharedMap<Kept>()
  let totalBytes = 0
  const forget = (topic: string) => {
    const kept = values.get(topic)
    if (kept === undefined) return
    totalBytes -= kept.cost
    values.delete(topic)
  }
  const isTooMuch = () => values.size > limits.topics || totalBytes > limits.totalBytes
  const makeRoom = () => {
    if (!isTooMuch()) return
    for (let topic = values.givesWay; topic !== undefined && isTooMuch(); topic = values.givesWay) {
      forget(topic)
    }
  }
  return {
    topics: () => values.keys(),
    topicsOf: (owner: string) => values.keysOf(owner),
    get: (topic: string) => values.get(topic),
    forget,
    /** Without `bytes` only when it was heard: the bus has it. */
    keep: (topic: string, value: NewValue, bytes: Buffer | undefined) => {
      const { qos, retain, heardMs, owner } = value
      if (bytes !== undefined && bytes.length > limits.valueBytes) {
        // The one before would pass for the last one.
        forget(topic)
        return
      }
      const cost = Buffer.byteLength(topic) + (bytes?.length ?? 0)
      const latin1 = bytes?.toString('latin1')
      // Field by field: to spread an object costs more than all the rest.
      totalBytes += cost - (values.get(topic)?.cost ?? 0)
      const weight = 1 / limits.topics + cost / limits.totalBytes
      values.set(topic, { qos, retain, heardMs, latin1, cost }, { owner, weight })
      makeRoom()
    },
  }
}
