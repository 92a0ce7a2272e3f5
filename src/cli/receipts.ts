/** How commands end: in words, and in exit codes. */
import { refusedCode } from './ask-hub.ts'
import { timedOutCode } from './terminal.ts'

export type KnownEnd = keyof typeof ends

/** What each end means, and the exit code by which a script can tell. */
const ends = {
  confirmed: { code: 0, words: 'confirmed' },
  'already-so': { code: 6, words: 'sent, already so by its last report' },
  'timed-out': {
    code: timedOutCode,
    words: 'not confirmed in time; it may have been obeyed, or not',
  },
  mismatch: { code: timedOutCode, words: 'its node reports another state than was asked for' },
  unknown: {
    code: timedOutCode,
    words: 'the hub has ended meanwhile; it may have been obeyed, or not',
  },
  refused: { code: refusedCode, words: 'refused' },
  superseded: { code: refusedCode, words: 'a later command took its place' },
  'node-offline': { code: 5, words: 'its node is offline; nothing was sent' },
} as const

export function isReceipt(value: unknown): value is KnownEnd {
  return typeof value === 'string' && Object.hasOwn(ends, value)
}

/** The exit code that a receipt means, of which a hub may have more than are known here. */
export function exitCodeOf(receipt: unknown): number {
  return isReceipt(receipt) ? ends[receipt].code : 1
}

/** What an end means, in plain words. */
export function endWords(receipt: KnownEnd): string {
  return ends[receipt].words
}
