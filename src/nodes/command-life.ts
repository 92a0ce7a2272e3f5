import type { Sender } from '../access/sender.ts'
import type { Clock } from '../core/clock.ts'
import type { Payload } from '../core/payload.ts'
import type { Receipt, ReceiptName } from '../core/receipt.ts'
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
  readonly clock: Clock
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
  readonly #options: LifeOptions
  readonly #startedAtMs: number
  readonly #stopDeadline: () => void
  /** What earlier commands asked for, and the device has not reported since. */
  readonly #echoes: unknown[]
  #state: LifeState = beginning

  constructor(command: Command, options: LifeOptions) {
    const { clock, before } = options
    this.#command = command
    this.#options = options
    this.#startedAtMs = clock.now()
    this.#echoes = before?.overtaken() ?? []
    this.#stopDeadline = clock.after(command.timeoutMs, () => this.#happen('deadline'))
    this.#tell(beginning.receipt)
  }

  /** It went out to its node. */
  sent(): void {
    this.#happen('sent')
  }

  /** Its device has reported. */
  reported(payload: Payload): void {
    if (!isWaiting(this.#state) || this.#isTooLate) return
    const { value } = payload
    const verdict = verdictOf(this.#command.asked, value)
    if (verdict === 'as-asked') this.#happen('reported-as-asked')
    else if (verdict === 'otherwise' && !this.#isEcho(value)) this.#happen('reported-otherwise')
  }

  /** A later command takes its place; answers what the device may still report of earlier ones. */
  overtaken(): unknown[] {
    const { isOpen } = this.#state
    this.#happen('overtaken')
    return isOpen ? [...this.#echoes, this.#command.asked].slice(-maximumEchoes) : []
  }

  /** Forgets it without a word. */
  close(): void {
    this.#stopDeadline()
  }

  get #isTooLate(): boolean {
    return this.#options.clock.now() > this.#startedAtMs + this.#command.timeoutMs + lateMs
  }

  /** Whether `value` answers an earlier command; then that is not waited for any more. */
  #isEcho(value: unknown): boolean {
    const at = this.#echoes.findIndex((asked) => verdictOf(asked, value) === 'as-asked')
    if (at >= 0) this.#echoes.splice(at, 1)
    return at >= 0
  }

  #happen(event: LifeEvent): void {
    const before = this.#state
    this.#state = nextState(before, event)
    const { receipt, isOpen } = this.#state
    if (receipt !== before.receipt) this.#tell(receipt)
    if (isOpen || !before.isOpen) return
    this.#stopDeadline()
    this.#command.sender.watcher?.ended?.(this.#receipt(receipt))
  }

  #tell(name: ReceiptName): void {
    const receipt = this.#receipt(name)
    this.#options.tell(this.#command, receipt)
    this.#command.sender.watcher?.told(receipt)
  }

  #receipt(receipt: ReceiptName): Receipt {
    return { receipt, afterMs: Math.round(this.#options.clock.now() - this.#startedAtMs) }
  }
}
