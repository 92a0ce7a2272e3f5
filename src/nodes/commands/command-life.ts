import type { Sender } from '../../access/sender.ts'
import type { AlarmClock } from '../../core/clock.ts'
import type { Payload } from '../../core/payload.ts'
import type { Receipt } from '../../core/receipt.ts'
import { beginning, isWaiting, type LifeEvent, type LifeState, nextState } from './life-states.ts'
import { verdictOf } from './verdict.ts'

/** A command that was accepted, or refused. */
export interface Command {
  readonly id: string
  /** The topic of the device. */
  readonly device: string
  readonly asked: unknown
  readonly sender: Sender
  /** The time of day. */
  readonly at: Date
  /** How long the device may take. */
  readonly timeoutMs: number
}

export interface LifeOptions {
  readonly clock: AlarmClock
  /** The command before to the same device, which ends now if it has not ended. */
  readonly before: CommandLife | undefined
  /** Called with each receipt, before the watcher. */
  tell(command: Command, receipt: Receipt): void
}

/** How long after its deadline a command may still be confirmed, late. */
const lateMs = 60_000

/** So many answers to earlier commands are waited for. */
const maximumEchoes = 64

/** A command from its acceptance to its end. Every change is told. */
export class CommandLife {
  readonly #command: Command
  /** Without the one before, which would keep the one before that, and so all of them. */
  readonly #options: Omit<LifeOptions, 'before'>
  readonly #startedAtMs: number
  readonly #stopDeadline: () => void
  /** What this and earlier commands asked for and the device has not reported yet, in this order. */
  readonly #expected: unknown[]
  #state: LifeState = beginning

  constructor(command: Command, options: LifeOptions) {
    const { before, ...kept } = options
    const { clock } = kept
    this.#command = command
    this.#options = kept
    this.#startedAtMs = clock.nowMs()
    this.#expected = [...(before?.overtaken() ?? []), command.asked]
    this.#stopDeadline = clock.after(command.timeoutMs, () => this.#happen('deadline'))
    this.#tell()
  }

  /** It went out to its node. */
  sent(): void {
    this.#happen('sent')
  }

  /** Its device has reported. */
  reported(payload: Payload): void {
    const isOver = !isWaiting(this.#state) && this.#expected.length === 0
    if (isOver || this.#afterMs > this.#command.timeoutMs + lateMs) return
    const { value } = payload
    const verdict = verdictOf(this.#command.asked, value)
    // The answer to an earlier command tells nothing about this one.
    const isAnswer = this.#isAnswer(value)
    if (verdict === 'as-asked') this.#happen('reported-as-asked')
    else if (verdict === 'otherwise' && !isAnswer) this.#happen('reported-otherwise')
  }

  /** A later command takes its place; answers what the device may still report of earlier ones. */
  overtaken(): unknown[] {
    const isInTime = this.#afterMs < this.#command.timeoutMs
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
    const told = { receipt, afterMs: Math.round(this.#afterMs) }
    return isOpen ? told : { ...told, final: true }
  }
}
