/** The last retained message of each topic [MQTT-3.3.1-5]: how many there may be, where they are kept, who gets them. */

import { setImmediate as turnOver } from 'node:timers/promises'
import { ShareQuota } from '../core/equal-share.ts'
import { matches } from '../core/filter.ts'
import { detached } from '../core/guard.ts'
import type { DeepReadonly } from '../core/json.ts'
import { branchOf } from '../core/recency-map.ts'
import { switchesActuator } from '../core/switching.ts'
import { isTopic } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'
import { silentLog } from '../store/data-folder.ts'
import type { Journal } from '../store/journal.ts'
import { openLevelStore } from '../store/level-store.ts'
import type { Change, Store } from '../store/store.ts'
import { partsOf } from './clients.ts'
import { type KeptMessage, readMessage, writeMessage } from './message-record.ts'
import { plainGrant } from './subscriptions.ts'
import { hasExpired } from './write-packets.ts'

/** How many values are retained, and how large; see `limits.retained` in the configuration. */
export type RetainedLimits = Readonly<Config['limits']['retained']>

/** Counts what is retained. */
export interface RetainedQuota {
  /**
   * Whether a value of so many bytes by `user` may take the place of the one on `topic`; then it counts. The
   * hub's own topics, which start with `$`, always may and do not count. Each user has an equal share, and of the topics
   * of that user each node.
   */
  take(topic: string, valueBytes: number, user?: string): boolean
  /** There is no value on `topic` any more. */
  forget(topic: string): void
}

export function createRetainedQuota(limits: RetainedLimits): RetainedQuota {
  const values = new Map<string, { readonly user: string; readonly bytes: number }>()
  const topics = new ShareQuota(limits.topics)
  const bytes = new ShareQuota(limits.totalBytes)
  const forget = (topic: string) => {
    const value = values.get(topic)
    if (value === undefined) return
    values.delete(topic)
    topics.count(value.user, -1, branchOf(topic))
    bytes.count(value.user, -value.bytes)
  }
  const hasRoom = (topic: string, size: number, user: string) => {
    const before = values.get(topic)
    const isRoom = before !== undefined || topics.hasRoomFor(user, branchOf(topic))
    return isRoom && bytes.hasRoomFor(user, '', size - (before?.bytes ?? 0))
  }
  return {
    forget,
    take: (topic, valueBytes, user = '') => {
      // Only the hub publishes there [MQTT-4.7.2-1], one value for each thing it knows, however much others keep.
      if (topic.startsWith('$')) return true
      // [MQTT-3.3.1-10] An empty value takes the one before away.
      if (valueBytes === 0) {
        forget(topic)
        return true
      }
      const size = Buffer.byteLength(topic) + valueBytes
      if (valueBytes > limits.valueBytes || !hasRoom(topic, size, user)) return false
      const before = values.get(topic)
      if (before?.user === user) bytes.count(user, size - before.bytes)
      else {
        forget(topic)
        topics.count(user, 1, branchOf(topic))
        bytes.count(user, size)
      }
      values.set(topic, { user, bytes: size })
      return true
    },
  }
}

// --- on disk ---

const keyPrefix = 'retained/'

/** What is retained in a store. */
export async function* readRetained(
  store: Pick<Store, 'entries'>,
  aheadMs = 0,
): AsyncGenerator<KeptMessage, void, void> {
  for await (const [, value] of store.entries(keyPrefix)) yield readMessage(value, aheadMs).message
}

/** What makes a value a retained one of the hub that is started with the store next. */
export function retainedChange(value: Pick<KeptMessage, 'topic' | 'payload' | 'qos'>): Change {
  return { key: keyPrefix + value.topic, value: recordOf({ ...value, retain: true }) }
}

function recordOf(message: KeptMessage, aheadMs = 0): Buffer {
  return writeMessage(message, plainGrant(message.qos, true), aheadMs)
}

/** What the hub tells of itself, it tells anew when it starts. */
function isOfHub(topic: string): boolean {
  return topic.startsWith('$SYS/')
}

// --- in memory ---

/** How many topics are looked at before others have their turn: some 50 µs. */
const topicsPerTurn = 256

type RetainedJournal = Pick<
  Journal,
  'isLasting' | 'note' | 'noteNew' | 'noteLater' | 'entries' | 'aheadMs'
>

export class RetainedValues {
  readonly #quota: RetainedQuota
  readonly #journal: RetainedJournal
  readonly #messages = new Map<string, KeptMessage>()

  constructor(limits: RetainedLimits, journal: RetainedJournal) {
    this.#quota = createRetainedQuota(limits)
    this.#journal = journal
  }

  get count(): number {
    return this.#messages.size
  }

  /** The topics whose last retained message a client of `user` brought. */
  topicsOf(user: string): string[] {
    const own = [...this.#messages.values()].filter((message) => userOf(message) === user)
    return own.map(({ topic }) => topic)
  }

  /** Takes over what an earlier hub has retained. What is past the limits by now is given up, and told. */
  async restore(onGivenUp: (message: KeptMessage) => void): Promise<void> {
    for await (const message of readRetained(this.#journal, this.#journal.aheadMs)) {
      const { topic, payload } = message
      if (this.#quota.take(topic, payload.length, userOf(message))) {
        this.#messages.set(topic, message)
      } else {
        this.#journal.note(keyPrefix + topic, undefined)
        onGivenUp(message)
      }
    }
  }

  /**
   * Keeps a message in place of the one before; returns false past the limits. The one before goes in any case
   * [MQTT-3.3.1-7]: it would pass for the latest.
   */
  store(message: KeptMessage): boolean {
    const { topic, payload } = message
    const hasRoom = this.#quota.take(topic, payload.length, userOf(message))
    // [MQTT-3.3.1-10]
    if (hasRoom && payload.length > 0) this.#keep(message)
    else this.forget(topic)
    return hasRoom
  }

  /** What is retained on `topic`. */
  on(topic: string): KeptMessage | undefined {
    const message = this.#messages.get(topic)
    return message && this.#isValid(message) ? message : undefined
  }

  /** Nothing is retained on `topic` any more. */
  forget(topic: string): void {
    this.#quota.forget(topic)
    // Anybody may clear what is not there, as often as they like.
    if (this.#messages.delete(topic)) this.#note(topic, undefined)
  }

  /**
   * What matches `filter`; undefined wherever others should have their turn. What is stored meanwhile
   * on another topic comes to its subscribers anyway.
   */
  *matching(filter: string): Generator<KeptMessage | undefined, void, void> {
    if (!/[+#]/.test(filter)) {
      const message = this.on(filter)
      if (message !== undefined) yield message
      return
    }
    const end = this.#messages.size
    let looked = 0
    for (const [topic, message] of this.#messages) {
      if (looked++ === end) return
      if (matches(filter, topic) && this.#isValid(message)) yield message
      if (looked % topicsPerTurn === 0) yield undefined
    }
  }

  /** [MQTT-3.3.2-5] What has expired is forgotten when somebody meets it. */
  #isValid(message: KeptMessage): boolean {
    if (!hasExpired(message)) return true
    this.forget(message.topic)
    return false
  }

  #keep(message: KeptMessage): void {
    const isNew = !this.#messages.has(message.topic)
    this.#messages.set(message.topic, message)
    this.#note(message.topic, message, isNew)
  }

  #note(topic: string, message: KeptMessage | undefined, isNew = false): void {
    const { isLasting, note, noteNew, noteLater, aheadMs } = this.#journal
    if (!isLasting || isOfHub(topic)) return
    const key = keyPrefix + topic
    if (message === undefined) note(key, undefined)
    // [MQTT-4.3.1] Of it nothing is acknowledged.
    else if (message.qos === 0) noteLater(key, recordOf(message, aheadMs))
    else if (isNew) noteNew(key, recordOf(message, aheadMs))
    else note(key, recordOf(message, aheadMs))
  }
}

/** Whose client brought a message; the same for all that came in another way. */
function userOf({ client }: KeptMessage): string {
  return client === undefined ? '' : partsOf(client).user
}

// --- to a subscriber ---

/** Who subscribed, and is to have what is retained. */
export interface RetainedReader {
  /** Whether it still has its subscription to `filter`. */
  isSubscribed(filter: string): boolean
  /**
   * Sends a message by the subscription to `filter`; returns whether it could be sent now, and what may
   * follow at once.
   */
  sendRetained(message: KeptMessage, filter: string): 'sent' | 'last' | 'later'
  /** Calls back when more can be sent, or when nothing can be sent ever. */
  onceReady(done: () => void): void
}

/**
 * Sends one client what is retained on the filters it subscribed to [MQTT-3.3.1-6], at the pace at
 * which it reads, and in turn with everybody else. A filter that waits already waits only once.
 */
export class RetainedReplay {
  readonly #values: RetainedValues
  readonly #reader: RetainedReader
  readonly #filters = new Set<string>()
  #isRunning = false

  constructor(values: RetainedValues, reader: RetainedReader) {
    this.#values = values
    this.#reader = reader
  }

  add(filters: Iterable<string>): void {
    for (const filter of filters) this.#filters.add(filter)
    if (!this.#isRunning && this.#filters.size > 0) detached(this.#run())
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (const filter of this.#filters) {
      this.#filters.delete(filter)
      await this.#replay(filter)
    }
    this.#isRunning = false
  }

  async #replay(filter: string): Promise<void> {
    for (const message of this.#values.matching(filter)) {
      if (message === undefined) await turnOver()
      else await this.#send(message, filter)
      if (!this.#reader.isSubscribed(filter)) return
    }
  }

  async #send(message: KeptMessage, filter: string): Promise<void> {
    while (this.#reader.isSubscribed(filter)) {
      const result = this.#reader.sendRetained(message, filter)
      if (result === 'sent') return
      await new Promise<void>((resolve) => this.#reader.onceReady(resolve))
      if (result === 'last') return
    }
  }
}

// --- in the data folder of a hub that does not run ---

export interface RetainedValue {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
}

/** `command`: it is one by the hub's rule, and those are never retained; `too-much`: past a limit. */
export type Kept = 'kept' | 'command' | 'bad-topic' | 'too-much'

export interface RetainedFolder {
  /** How many values were there before. */
  readonly count: number
  /** Keeps a value in place of the one before, as the hub would; resolves when there is room for more. */
  keep(value: RetainedValue): Promise<Kept>
  /** Waits until all of it is on disk. */
  close(): Promise<void>
}

/** So many bytes go to the disk together. */
const batchBytes = 4 * 1024 * 1024

/**
 * Opens the data folder of a hub; one that is not there is made.
 *
 * @throws HubError `cannot-open-store`, mostly because the hub runs.
 */
export async function openRetainedFolder(
  folder: string,
  limits: DeepReadonly<Pick<Config['limits'], 'retained' | 'topic'>>,
): Promise<RetainedFolder> {
  const store = await openLevelStore({ folder, sampledLog: silentLog() })
  const quota = createRetainedQuota(limits.retained)
  let count = 0
  for await (const { topic, payload } of readRetained(store)) {
    count++
    quota.take(topic, payload.length)
  }
  let changes: Change[] = []
  let bytes = 0
  const flush = async () => {
    const batch = changes
    changes = []
    bytes = 0
    await store.write(batch)
  }
  return {
    count,
    keep: async (value) => {
      if (!isTopic(value.topic, limits.topic)) return 'bad-topic'
      if (switchesActuator(value.topic)) return 'command'
      if (!quota.take(value.topic, value.payload.length)) return 'too-much'
      changes.push(retainedChange(value))
      bytes += value.payload.length
      if (bytes > batchBytes) await flush()
      return 'kept'
    },
    close: async () => {
      try {
        await flush()
      } finally {
        await store.close()
      }
    },
  }
}
