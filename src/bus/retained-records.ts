import type { Change, Store } from '../store/store.ts'
import { writePublish } from './guard/written-packets.ts'
import type { Journal } from './journal.ts'
import { readMessage, writeMessage } from './message-record.ts'
import type { OwnMessage } from './own-copy.ts'

/** Notes what is retained, by topic. */
export interface RetainedRecords {
  /** On a topic on which nothing was retained. */
  added(message: OwnMessage): void
  /** In place of another one. */
  replaced(message: OwnMessage): void
  /** Nothing is retained on `topic` any more. */
  removed(topic: string): void
  /** What an earlier hub has retained. */
  load(): AsyncIterable<OwnMessage>
}

/** Where nothing is kept. */
export const noRecords: RetainedRecords = {
  added: () => {},
  replaced: () => {},
  removed: () => {},
  load: async function* () {},
}

const keyPrefix = 'retained/'

export function createRetainedRecords(journal: Journal): RetainedRecords {
  if (!journal.isLasting) return noRecords
  return {
    added: (message) => {
      if (!isOfHub(message.topic)) journal.noteNew(keyPrefix + message.topic, writeMessage(message))
    },
    replaced: (message) => {
      if (!isOfHub(message.topic)) journal.note(keyPrefix + message.topic, writeMessage(message))
    },
    removed: (topic) => {
      if (!isOfHub(topic)) journal.note(keyPrefix + topic, undefined)
    },
    load: () => readRetained(journal),
  }
}

/** What is retained in a store. */
export async function* readRetained(store: Pick<Store, 'entries'>): AsyncIterable<OwnMessage> {
  for await (const [, value] of store.entries(keyPrefix)) yield readMessage(value)
}

/** What makes a value a retained one of the hub that is started with the store next. */
export function retainedChange(value: Pick<OwnMessage, 'topic' | 'payload' | 'qos'>): Change {
  const message = { ...value, retain: true, dup: false }
  return { key: keyPrefix + value.topic, value: writePublish(message, undefined) }
}

/** What the hub tells of itself, it tells anew when it starts. */
function isOfHub(topic: string): boolean {
  return topic.startsWith('$SYS/')
}
