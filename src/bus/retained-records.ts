import type { Journal } from './journal.ts'
import { readMessage, writeMessage } from './message-record.ts'
import type { OwnMessage } from './own-copy.ts'

/** Notes what is retained, by topic. */
export interface RetainedRecords {
  /** `undefined`: nothing is retained on `topic` any more. */
  note(topic: string, message: OwnMessage | undefined): void
  /** What an earlier hub has retained. */
  load(): AsyncIterable<OwnMessage>
}

const keyPrefix = 'retained/'

export function createRetainedRecords(journal: Journal): RetainedRecords {
  return {
    note: (topic, message) => {
      // What the hub tells of itself, it tells anew when it starts.
      if (!journal.isLasting || topic.startsWith('$SYS/')) return
      journal.note(keyPrefix + topic, message && writeMessage(message))
    },
    load: async function* () {
      for await (const [, value] of journal.entries(keyPrefix)) yield readMessage(value)
    },
  }
}
