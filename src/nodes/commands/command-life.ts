import type { Sender } from '../../access/sender.ts'
import type { AlarmClock } from '../../core/clock.ts'
import type { HubError } from '../../core/errors.ts'
import type { Receipt } from '../../core/message.ts'
import type { Payload } from '../../core/payload.ts'
import { beginning, isWaiting, type LifeEvent, type LifeState, nextState } from './life-states.ts'
import { verdictOf } from './verdict.ts'

/** A command that was accepted, or refused. */
export interface Command {
  readonly id: string
  /** The topic of the device. */
  readonly device: string
  readonly asked: unknown
  /** Whether it was accepted at first, whatever became of it. */
  readonly isAccepted: boolean
  readonly sender: Sender
  /** The time of day when it was accepted or refused. */
  readonly at: Date
  /** The time of day when it went out to its node; undefined as long as it did not. */
  readonly sentAt?: Date
  /** How long the device may take. */
  readonly timeoutMs: number
}

/** Longer payloads are cut where they are told: a picture for a display has up to 1 MiB. */
const toldCharacters = 1024

/** What was asked for, for those who read of it later; of a long payload the beginning of its text. */
export function toldAsked({ asked }: Command): unknown {
  // Of a picture no more is quoted than is told.
  const begun = typeof asked === 'string' ? asked.slice(0, toldCharacters + 1) : asked
  const text = JSON.stringify(begun) ?? 'null'
  return text.length > toldCharacters ? `${text.slice(0, toldCharacters)}…` : asked
}

export interface LifeOptions {
  readonly clock: AlarmClock
  /** Called with each receipt, before the watcher. */
  tell(command: Command, receipt: Receipt): void
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
  #sentAtMs = 0
  #stopDeadline = () => {}
  /** What this and earlier commands asked for and the device has not reported yet, in this order. */
  #expected: unknown[] = []
  #refusal: Pick<Receipt, 'code' | 'message'> = {}
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
    this.#refusal = { code, message }
    this.#happen(code === 'node-offline' ? 'went-offline' : 'refused')
  }

  /** Its device has reported. */
  reported(payload: Payload): void {
    const isOver = !isWaiting(this.#state) && this.#expected.length === 0
    if (isOver || this.#sinceSentMs > this.#command.timeoutMs + lateMs) return
    const { value } = payload
    const verdict = verdictOf(this.#command.asked, value)
    // The answer to an earlier command tells nothing about this one.
    const isAnswer = this.#isAnswer(value)
    if (verdict === 'as-asked') this.#happen('reported-as-asked')
    else if (verdict === 'otherwise' && !isAnswer) this.#happen('reported-otherwise')
  }

  /** A later command takes its place; returns what the device may still report of earlier ones. */
  overtaken(): unknown[] {
    const isInTime = this.#sinceSentMs < this.#command.timeoutMs
    this.#happen('overtaken')
    return isInTime ? this.#expected.slice(-maximumEchoes) : []
  }

  /** Nobody follows it any more. */
  lose(): void {
    this.#happen('lost')
  }

  get #afterMs(): number {
    return this.#options.clock.nowMs() - this.#startedAtMs
  }

  get #sinceSentMs(): number {
    return this.#options.clock.nowMs() - this.#sentAtMs
  }

  /** Whether `value` answers this or an earlier command; then that is not waited for any more. */
  #isAnswer(value: unknown): boolean {
    const at = this.#expected.findIndex((asked) => verdictOf(asked, value) === 'as-asked')
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
    this.#command.sender.watcher?.ended?.(this.#receipt)
  }

  #tell(): void {
    this.#options.tell(this.#command, this.#receipt)
    this.#command.sender.watcher?.told(this.#receipt)
  }

  get #receipt(): Receipt {
    const { receipt, isOpen } = this.#state
    const told = { receipt, ...this.#refusal, afterMs: Math.round(this.#afterMs) }
    return isOpen ? told : { ...told, final: true }
  }
}
