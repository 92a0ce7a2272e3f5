import { HubError } from '../core/errors.ts'
import type { HubAddress } from './hub-address.ts'
import type { HubAnswer } from './hub-client.ts'
import { plainText } from './plain-text.ts'

/** How a command ended, as a hub tells it. */
export interface Outcome {
  readonly receipt: ReceiptName
  /** The whole of it. */
  readonly body: HubAnswer['body']
}

type ReceiptName = keyof typeof ends

/** By which a script can tell that what it asked for was refused. */
export const refusedCode = 4

/** What each end means, and the exit code by which a script can tell. */
const ends = {
  confirmed: { code: 0, words: 'confirmed' },
  'timed-out': { code: 3, words: 'not confirmed in time; it may have been obeyed, or not' },
  mismatch: { code: 3, words: 'its node reports another state than was asked for' },
  unknown: { code: 3, words: 'the hub has ended meanwhile; it may have been obeyed, or not' },
  refused: { code: refusedCode, words: 'refused' },
  superseded: { code: refusedCode, words: 'a later command took its place' },
  'node-offline': { code: 5, words: 'its node is offline; nothing was sent' },
} as const

/**
 * The outcome in an answer to `POST /api/command`.
 *
 * @throws HubError `cannot-connect` when there is none.
 */
export function outcomeIn({ status, body }: HubAnswer, { url }: HubAddress): Outcome {
  const { receipt } = body
  if (isReceipt(receipt)) return { receipt, body }
  // Whoever has no right to a device leaves no trace, and has no receipt.
  if (status === 403 && body['code'] === 'forbidden') return { receipt: 'refused', body }
  const got = `got status ${status}${clauseOf(body['message'])}`
  throw new HubError('cannot-connect', `expected a receipt of the hub at ${url}, ${got}`)
}

function isReceipt(value: unknown): value is ReceiptName {
  return typeof value === 'string' && Object.hasOwn(ends, value)
}

/** The outcome in plain words, on one line. */
export function describeOutcome({ receipt, body }: Outcome): string {
  const { afterMs, message } = body
  const after = typeof afterMs === 'number' ? `, after ${afterMs} ms` : ''
  return `${ends[receipt].words}${after}${clauseOf(message)}`
}

export function exitCodeOf({ receipt }: Outcome): number {
  return ends[receipt].code
}

/** A sentence of the hub, which may quote what a stranger wrote. */
function clauseOf(message: unknown): string {
  return typeof message === 'string' ? `: ${plainText(message)}` : ''
}
