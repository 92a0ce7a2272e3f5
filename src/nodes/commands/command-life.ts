import { isDeepStrictEqual } from 'node:util'
import type { Sender } from '../../access/sender.ts'
import type { AlarmClock } from '../../core/clock.ts'
import type { HubError } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import type { Qos, Receipt, ReceiptName } from '../../core/message.ts'
import type { Payload } from '../../core/payload.ts'
import { isSamePosition, stateOf } from '../switch-state.ts'

/** A command that was accepted, or refused. */
export interface Command {
  readonly id: string
  /** The topic of the device. */
  readonly device: string
  readonly asked: unknown
  /** Whether it was accepted at first, whatever became of it. */
  readonly isAccepted: boolean
  readonly sender: Sender
  /** At which QoS it goes out. */
  readonly qos: Qos
  /** The time of day when it was accepted or refused. */
  readonly at: Date
  /** The time of day when it went out to its node; undefined as long as it did not. */
  readonly sentAt?: Date
  /** How long the device may take. */
  readonly timeoutMs: number
}

/** Longer payloads are cut where they are told: a picture for a display has up to 1 MiB. */
const quotedCharacters = 1024

/** What was asked for, for those who read of it later; of a long payload the beginning of its text. */
export function quotedAsked({ asked }: Command): unknown {
  // Of a picture no more is quoted than is told.
  const begun = typeof asked === 'string' ? asked.slice(0, quotedCharacters + 1) : asked
  const text = JSON.stringify(begun) ?? 'null'
  return text.length > quotedCharacters ? `${text.slice(0, quotedCharacters)}…` : asked
}

interface LifeOptions {
  readonly clock: AlarmClock
  /** Called with each receipt, before the watcher. */
  tell(command: Command, receipt: Receipt): void
  /** A command is not to arrive any more that was sent at `sentAtMs`, by `clock`. */
  recall(command: Command, sentAtMs: number): void
}

/** How long after its deadline a command may still be confirmed, late. */
const lateMs = 60_000

/** So many answers to earlier commands are waited for. */
const maximumEchoes = 64

/** A command from its acceptance to its end. Every change is told. */
export class CommandLife {
  #command: Command
  readonly #options: LifeOptions
  readonly #startedAtMs: number
  /** Undefined as long as it was not sent. */
  #sentAtMs: number | undefined
  #stopDeadline = () => {}
  /** What this and earlier commands asked for and the device has not reported yet, in this order. */
  #expected: unknown[] = []
  #error: Pick<Receipt, 'code' | 'message'> = {}
  #state: LifeState = beginning

  constructor(command: Command, options: LifeOptions) {
    this.#command = command
    this.#options = options
    this.#startedAtMs = options.clock.nowMs()
    this.#tell()
  }

  /** It went out to its node, in place of `before`, which ends now if it has not ended. */
  sent(before: CommandLife | undefined): void {
    const { clock } = this.#options
    const { asked, timeoutMs } = this.#command
    this.#sentAtMs = clock.nowMs()
    this.#command = { ...this.#command, sentAt: new Date() }
    this.#expected = [...(before?.overtaken() ?? []), asked]
    this.#stopDeadline = clock.after(timeoutMs, () => this.#happen('deadline'))
    this.#happen('sent')
  }

  /** It waited for its turn, and may not go out now. */
  refused({ code, message }: HubError): void {
    this.#error = { code, message }
    this.#happen(code === 'node-offline' ? 'went-offline' : 'refused')
  }

  /** Its device has reported. */
  reported(payload: Payload): void {
    const isOver = !isWaiting(this.#state) && this.#expected.length === 0
    if (isOver || this.#sinceSentMs > this.#command.timeoutMs + lateMs) return
    const { value } = payload
    const result = reportResultOf(this.#command.asked, value)
    // The answer to an earlier command tells nothing about this one.
    const isAnswer = this.#isAnswer(value)
    if (result === 'as-asked') this.#happen('reported-as-asked')
    else if (result === 'otherwise' && !isAnswer) this.#happen('reported-otherwise')
  }

  /** Whether its end is still to come. */
  get isOpen(): boolean {
    return this.#state.isOpen
  }

  /** A later command takes its place; returns what the device may still report of earlier ones. */
  overtaken(): unknown[] {
    const isInTime = this.#sinceSentMs < this.#command.timeoutMs
    this.#happen('overtaken')
    return isInTime ? this.#expected.slice(-maximumEchoes) : []
  }

  /** Its device may not be commanded any more. */
  locked(): void {
    if (this.#state.isOpen && this.#sentAtMs !== undefined) this.#recall()
  }

  /** Nobody follows it any more. */
  lose(): void {
    this.#happen('lost')
  }

  get #afterMs(): number {
    return this.#options.clock.nowMs() - this.#startedAtMs
  }

  get #sinceSentMs(): number {
    return this.#options.clock.nowMs() - (this.#sentAtMs ?? 0)
  }

  /** Whether `value` answers this or an earlier command; then that is not waited for any more. */
  #isAnswer(value: unknown): boolean {
    const at = this.#expected.findIndex((asked) => reportResultOf(asked, value) === 'as-asked')
    if (at >= 0) this.#expected.splice(at, 1)
    return at >= 0
  }

  #happen(event: LifeEvent): void {
    const before = this.#state
    this.#state = nextState(before, event)
    const hasEnded = before.isOpen && !this.#state.isOpen
    // A mismatch is told once more when its deadline passes.
    if (hasEnded || this.#state.receipt !== before.receipt) this.#tell()
    if (!hasEnded) return
    this.#stopDeadline()
    if (mayArriveLate.has(this.#state.receipt)) this.#recall()
    this.#command.sender.watcher?.ended?.(this.#receipt)
  }

  #recall(): void {
    if (this.#sentAtMs !== undefined) this.#options.recall(this.#command, this.#sentAtMs)
  }

  #tell(): void {
    this.#options.tell(this.#command, this.#receipt)
    this.#command.sender.watcher?.changed(this.#receipt)
  }

  get #receipt(): Receipt {
    const { receipt, isOpen } = this.#state
    const now = { receipt, ...this.#error, afterMs: Math.round(this.#afterMs) }
    return isOpen ? now : { ...now, final: true }
  }
}

/** The ends of a command that its node may not have heard. */
const mayArriveLate: ReadonlySet<ReceiptName> = new Set(['timed-out', 'mismatch', 'unknown'])

// --- the states of its life ---

/** What may happen to a command that was accepted. */
type LifeEvent =
  | 'sent'
  /** The device reports the state that was asked for. */
  | 'reported-as-asked'
  /** The device reports another state. */
  | 'reported-otherwise'
  /** It waited for its turn, and was refused then. */
  | 'refused'
  /** It waited for its turn, and its node was away then. */
  | 'went-offline'
  /** It had as long as it may take. */
  | 'deadline'
  /** A later command to the same device was accepted. */
  | 'overtaken'
  /** The hub ends, or has so many commands to follow that it gives this one up. */
  | 'lost'

/** A place in the life of a command. */
interface LifeState {
  readonly receipt: ReceiptName
  /** Whether its deadline is still to come. What was confirmed in time, or overtaken, is not open. */
  readonly isOpen: boolean
}

const beginning: LifeState = { receipt: 'accepted', isOpen: true }

/** What leads from a receipt to another one while the deadline is to come, and whether it still is. */
const open: Readonly<Partial<Record<ReceiptName, Partial<Record<LifeEvent, LifeState>>>>> = {
  accepted: {
    sent: { receipt: 'sent', isOpen: true },
    refused: ended('refused'),
    'went-offline': ended('node-offline'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
  sent: {
    'reported-as-asked': ended('confirmed'),
    // Not the end: the report may have been on its way when the command was sent.
    'reported-otherwise': { receipt: 'mismatch', isOpen: true },
    deadline: ended('timed-out'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
  mismatch: {
    'reported-as-asked': ended('confirmed'),
    deadline: ended('mismatch'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
}

/** The same past the deadline: a late confirmation is told once. */
const past: typeof open = {
  'timed-out': { 'reported-as-asked': ended('confirmed-late') },
  mismatch: { 'reported-as-asked': ended('confirmed-late') },
}

/** Where `event` leads to; the same state when it changes nothing. */
function nextState(state: LifeState, event: LifeEvent): LifeState {
  return (state.isOpen ? open : past)[state.receipt]?.[event] ?? state
}

/** Whether a report can still change `state`. */
function isWaiting({ isOpen, receipt }: LifeState): boolean {
  return isOpen || past[receipt] !== undefined
}

function ended(receipt: ReceiptName): LifeState {
  return { receipt, isOpen: false }
}

// --- what a report says of it ---

/** What a report says about a command: the device is in the state asked for, or in another. */
type ReportResult = 'as-asked' | 'otherwise'

/**
 * Compares what was asked of a device with what it reports; undefined when the report does not speak
 * of it all. A command may ask for a part of what its device reports.
 */
export function reportResultOf(asked: unknown, reported: unknown): ReportResult | undefined {
  if (!isRecord(asked)) return stateResultOf(asked, reported)
  if (!isRecord(reported)) return undefined
  const reportedPart = Object.entries(asked).filter(([key]) => Object.hasOwn(reported, key))
  const isAsAsked = reportedPart.every(([key, value]) => isSame(key, value, reported[key]))
  if (!isAsAsked) return 'otherwise'
  // What was asked for and is not reported may be different.
  return reportedPart.length > 0 && reportedPart.length === Object.keys(asked).length
    ? 'as-asked'
    : undefined
}

/** Of a bare word: Zigbee2MQTT takes `ON`, and reports `{"state": "ON", …}`. */
function stateResultOf(asked: unknown, reported: unknown): ReportResult | undefined {
  const state = stateOf(reported)
  if (isRecord(state)) return undefined
  return isDeepStrictEqual(asked, state) || isSamePosition(asked, state) ? 'as-asked' : 'otherwise'
}

function isSame(key: string, asked: unknown, reported: unknown): boolean {
  if (isDeepStrictEqual(asked, reported)) return true
  return key === 'state' && isSamePosition(asked, reported)
}
