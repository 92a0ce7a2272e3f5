/**
 * What a hub has asked the owner and has no answer to. An answer leaves before what follows from it, on the connection of
 * the beats: whoever hears later beats, or the word of the next owner, and no answer, knows that nothing was taken.
 */
import type { AlarmClock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { proofBeats } from './ownership.ts'

/** What a hub asks the owner, behind which beat of whose. */
export interface OwnerQuestion {
  readonly id: string
  readonly from: string
  readonly term: number
  readonly beat: number
  readonly question: Record<string, unknown>
}

export interface OwnerAnswer {
  readonly id: string
  readonly answer: unknown
}

/** A question without an answer: the owner has not taken it and never will, or that is not known. */
export type Unanswered = 'not-taken' | 'unknown'

export type Lost = (end: Unanswered, reason: string) => void

/** A beat of an owner; the number is that of the last one, or 0 for its word alone. */
interface Beat {
  readonly term: number
  readonly beat?: number
}

interface Open extends Required<Beat> {
  readonly lost: Lost
}

/** Whoever asks waits no longer, when nobody says that it owns. */
const patienceMs = 5000

const noAnswer = 'expected an answer of the hub that commands within a second, got none'

export class OpenQuestions {
  readonly #clock: Pick<AlarmClock, 'after'>
  readonly #open = new Map<string, Open & { readonly stop: () => void }>()

  constructor(clock: Pick<AlarmClock, 'after'>) {
    this.#clock = clock
  }

  /** Something is asked that quotes the last beat that was heard. */
  add(id: string, question: Open): void {
    const stop = this.#clock.after(patienceMs, () => this.#lose(id, 'unknown', noAnswer))
    this.#open.set(id, { ...question, stop })
  }

  answered(id: string): Open | undefined {
    const question = this.#open.get(id)
    question?.stop()
    this.#open.delete(id)
    return question
  }

  /** It never came to the broker, which has said why. */
  unsent(id: string, reason: string): void {
    this.#lose(id, 'not-taken', `${noAnswer}: ${reason}`)
  }

  /** An owner has said this by now. */
  prove({ term, beat = 0 }: Beat): void {
    for (const [id, asked] of [...this.#open]) {
      const isPast = term > asked.term || (term === asked.term && beat >= asked.beat + proofBeats)
      if (isPast) this.#lose(id, 'not-taken', noAnswer)
    }
  }

  /** No answer is heard any more. */
  deaf(reason: string): void {
    for (const id of [...this.#open.keys()]) this.#lose(id, 'unknown', reason)
  }

  #lose(id: string, end: Unanswered, reason: string): void {
    this.answered(id)?.lost(end, reason)
  }
}

/** What the owner says to a question that is not fresh. */
export function tooOld(): HubError {
  const sentence = 'expected what was asked for within a second, got something older'
  return new HubError('no-owner', sentence)
}

// --- what hubs say, as JSON ---

/** The name of a hub is one level of the topic on which it is answered. */
export function asQuestion(value: unknown): OwnerQuestion | undefined {
  if (!isRecord(value)) return undefined
  const { id, from, term, beat, question } = value
  const isWhole = typeof id === 'string' && typeof from === 'string' && isRecord(question)
  if (!isWhole || from.includes('/')) return undefined
  return { id, from, term: Number(term), beat: Number(beat), question }
}

export function asAnswer(value: unknown): OwnerAnswer | undefined {
  if (!isRecord(value)) return undefined
  const { id, answer } = value
  return typeof id === 'string' ? { id, answer } : undefined
}
