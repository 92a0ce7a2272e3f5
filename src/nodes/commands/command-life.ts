import type { Sender } from '../../access/sender.ts'
import { type AlarmClock, isoTime } from '../../core/clock.ts'
import type { HubError } from '../../core/errors.ts'
import type { Qos, Receipt, ReceiptName, Receivers } from '../../core/message.ts'
import type { Payload } from '../../core/payload.ts'
import { reportResultOf } from '../switch-state.ts'

/** A command that was accepted, or refused. */
export interface Command {
  readonly id: string
  /** The topic of the device. */
  readonly device: string
  readonly asked: unknown
  /** What its device reports once it has obeyed. */
  readonly goal: unknown
  /** Whether a report will tell what becomes of it. */
  readonly isConfirmable: boolean
  /** The topics on which it goes out. */
  readonly topics: readonly string[]
  /** Whether somebody else sends it, whom the hub only follows. */
  readonly isObserved: boolean
  /** Whether it was accepted at first, whatever became of it. */
  readonly isAccepted: boolean
  readonly sender: Sender
  /** Its number in the trace. */
  readonly traced?: number | undefined
  /** At which QoS it goes out. */
  readonly qos: Qos
  /** The time of day when it was accepted or refused. */
  readonly at: Date
  /** The time of day when it went out to its node; undefined as long as it did not. */
  readonly sentAt?: Date
  /** How long the device may take. */
  readonly timeoutMs: number
}

const cannotConfirm = 'expected no report: what this device does with a command cannot be confirmed'

/** Longer payloads are cut where they are told: a picture for a display has up to 1 MiB. */
const quotedCharacters = 1024

/** What was asked for, for those who read of it later; of a long payload the beginning of its text. */
export function quotedAsked({ asked }: Pick<Command, 'asked'>): unknown {
  // Of a picture no more is quoted than is told.
  const begun = typeof asked === 'string' ? asked.slice(0, quotedCharacters + 1) : asked
  const text = JSON.stringify(begun) ?? 'null'
  return text.length > quotedCharacters ? `${text.slice(0, quotedCharacters)}…` : asked
}

interface LifeOptions {
  readonly clock: AlarmClock
  /** Called with each receipt, before the watcher. */
  tell(command: Command, receipt: Receipt): void
  /** What a device has reported last; undefined when its state is not known. */
  lastReportOf(device: string): LastReport | undefined
  /** Asks a device to report; returns whether it can be asked. */
  ask(device: string): boolean
  /** Whether an MQTT client passes on what is meant for devices: what it acknowledges they may not have. */
  isGateway(client: string): boolean
  /** A command is not to arrive any more that was sent at `sentAtMs`, by `clock`. */
  recall(command: Command, sentAtMs: number): void
}

/** What a device has reported, and when by the time of day. */
export interface LastReport {
  readonly value: unknown
  readonly atMs: number
}

/** A device that is asked for what it reported last has so long to say so by itself, before it is asked. */
const askedAfterMs = 200

const justSentMs = 1000

/** How long after its deadline a command may still be confirmed, late. */
const lateMs = 60_000

/** So many answers to earlier commands are waited for. */
const maximumEchoes = 64

/** A command from its acceptance to its end. Every change is told. */
export class CommandLife implements Receivers {
  #command: Command
  readonly #options: LifeOptions
  readonly #startedAtMs: number
  /** Undefined as long as it was not sent. */
  #sentAtMs: number | undefined
  #stops: (() => void)[] = []
  #last: LastReport | undefined
  /** The MQTT clients that have the command, and those that have not said so yet. */
  readonly #having = new Set<string>()
  readonly #owing = new Set<string>()
  /** Whether its device was asked to report, behind it. */
  #isAsked = false
  /** What this and earlier commands asked for and the device has not reported yet, in this order. */
  #expected: unknown[] = []
  #error: Pick<Receipt, 'code' | 'message'> = {}
  #state: LifeState = beginning

  constructor(command: Command, options: LifeOptions) {
    this.#command = command
    this.#options = options
    this.#startedAtMs = options.clock.nowMs()
    if (!command.isObserved) this.#tell()
  }

  /** It went out to its node, in place of `before`, which ends now if it has not ended. */
  sent(before: CommandLife | undefined): void {
    const { clock } = this.#options
    const { device, goal, timeoutMs, isConfirmable } = this.#command
    this.#sentAtMs = clock.nowMs()
    this.#last = this.#options.lastReportOf(device)
    this.#command = { ...this.#command, sentAt: new Date() }
    const overtaken = before?.overtaken() ?? []
    if (!isConfirmable) {
      this.#error = { message: cannotConfirm }
      this.#happen('sent-for-good')
      return
    }
    this.#expected = [...overtaken, goal]
    this.#stops = [clock.after(timeoutMs, () => this.#overdue())]
    this.#happen('sent')
    const look = () => this.#askIfSo()
    if (this.#isSo) this.#stops.push(clock.after(askedAfterMs, look))
    // A device that skips what it was asked for in between answers once.
    this.#stops.push(clock.after(timeoutMs / 2, look))
  }

  get withinMs(): number {
    return this.#command.timeoutMs
  }

  untaken(error: HubError): void {
    this.#deny(error)
  }

  owes(client: string): void {
    this.#owing.add(client)
  }

  has(client: string): void {
    this.#owing.delete(client)
    if (!this.#options.isGateway(client)) this.#having.add(client)
  }

  /** Nobody knows the state of its device any more. */
  forget(): void {
    this.#last = undefined
  }

  /** It waited for its turn, and may not go out now. */
  refused({ code, message }: HubError): void {
    this.#error = { code, message }
    this.#happen(code === 'node-offline' ? 'went-offline' : 'refused')
  }

  /** Its device, or what is in front of it, has refused it, for a reason that it gives. */
  denied(reason: string): void {
    this.#deny({ code: 'refused-by-device', message: reason })
  }

  #deny({ code, message }: Pick<HubError, 'code' | 'message'>): void {
    if (!this.#state.isOpen || this.#sentAtMs === undefined) return
    this.#error = { code, message }
    this.#happen('denied')
  }

  /**
   * Its device has taken it, and may need `withinMs` from now on until it has done it. Who has said how long they wait is not
   * made to wait longer.
   */
  taken(withinMs: number): void {
    const hasAskedFor = this.#command.sender.timeoutMs !== undefined
    if (!this.#state.isOpen || this.#sentAtMs === undefined || hasAskedFor) return
    for (const stop of this.#stops) stop()
    this.#command = { ...this.#command, timeoutMs: this.#sinceSentMs + withinMs }
    this.#stops = [this.#options.clock.after(withinMs, () => this.#overdue())]
  }

  /** Its device has reported, by an MQTT client if there is one; returns whether that is the answer to a command. */
  reported(payload: Payload, client: string | undefined): boolean {
    const isOver = !isWaiting(this.#state) && this.#expected.length === 0
    if (isOver || this.#sinceSentMs > this.#command.timeoutMs + lateMs) return false
    const { value } = payload
    const result = reportResultOf(this.#command.goal, value)
    // The answer to an earlier command tells nothing about this one.
    const answered = this.#answeredBy(value)
    if (result === 'otherwise' && answered === undefined) this.#happen('reported-otherwise')
    const counts = answered !== 'earlier' && (!this.#isSo || this.#isAnswerOf(client))
    if (result !== undefined) this.#last = { value, atMs: this.#options.clock.wallMs() }
    if (result !== 'as-asked') return answered !== undefined
    if (counts) this.#happen('reported-as-asked')
    else if (answered !== 'earlier') this.#askIfSo()
    return true
  }

  /** Whether what is asked for is what the device reported last. */
  get #isSo(): boolean {
    return (
      this.#last !== undefined &&
      reportResultOf(this.#command.goal, this.#last.value) === 'as-asked'
    )
  }

  /**
   * Whether a report that says nothing new is no old one that met the command on its way: its client had the
   * command before, or the device was asked since, and the client does not owe that it has the command.
   */
  #isAnswerOf(client: string | undefined): boolean {
    if (client === undefined) return this.#isAsked
    return this.#having.has(client) || (this.#isAsked && !this.#owing.has(client))
  }

  #askIfSo(): void {
    if (this.#isAsked || !this.#state.isOpen || !this.#isSo) return
    this.#isAsked = this.#options.ask(this.#command.device)
  }

  #overdue(): void {
    this.#happen(this.#isSo ? 'deadline-as-reported' : 'deadline')
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

  /**
   * Which command `value` answers, which does not wait for an answer any more: the earliest that asked for it. One
   * behind which nobody has asked for anything else is as good as this one.
   */
  #answeredBy(value: unknown): 'this' | 'earlier' | undefined {
    const isAnswer = (asked: unknown) => reportResultOf(asked, value) === 'as-asked'
    const at = this.#expected.findIndex(isAnswer)
    if (at < 0) return undefined
    const isThis = this.#expected.slice(at).every(isAnswer)
    this.#expected.splice(at, 1)
    return isThis ? 'this' : 'earlier'
  }

  #happen(event: LifeEvent): void {
    const before = this.#state
    this.#state = nextState(before, event)
    const hasEnded = before.isOpen && !this.#state.isOpen
    // A mismatch is told once more when its deadline passes.
    if (hasEnded || this.#state.receipt !== before.receipt) this.#tell()
    if (!hasEnded) return
    for (const stop of this.#stops) stop()
    // Who was sent it just now, when the hub ends, has the time that this takes.
    const isJustSent = event === 'lost' && this.#sinceSentMs < justSentMs
    if (mayArriveLate.has(this.#state.receipt) && !isJustSent) this.#recall()
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
    const reportedAt =
      receipt === 'already-so' && this.#last ? { reportedAt: isoTime(this.#last.atMs) } : {}
    const now = { receipt, ...this.#error, ...reportedAt, afterMs: Math.round(this.#afterMs) }
    return isOpen ? now : { ...now, final: true }
  }
}

/** The ends of a command that its node may not have heard. */
const mayArriveLate: ReadonlySet<ReceiptName> = new Set([
  'timed-out',
  'already-so',
  'mismatch',
  'unknown',
])

// --- the states of its life ---

/** What may happen to a command that was accepted. */
type LifeEvent =
  | 'sent'
  /** It went out to a device that does not tell what becomes of it. */
  | 'sent-for-good'
  /** The device says that it does not do it. */
  | 'denied'
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
  /** It had, and what was asked for is what its device had reported before, or in answer to an earlier command. */
  | 'deadline-as-reported'
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
    'sent-for-good': ended('sent'),
    refused: ended('refused'),
    'went-offline': ended('node-offline'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
  sent: {
    'reported-as-asked': ended('confirmed'),
    // Not the end: the report may have been on its way when the command was sent.
    'reported-otherwise': { receipt: 'mismatch', isOpen: true },
    denied: ended('refused'),
    deadline: ended('timed-out'),
    'deadline-as-reported': ended('already-so'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
  mismatch: {
    'reported-as-asked': ended('confirmed'),
    denied: ended('refused'),
    deadline: ended('mismatch'),
    'deadline-as-reported': ended('already-so'),
    overtaken: ended('superseded'),
    lost: ended('unknown'),
  },
}

/** The same past the deadline: a late confirmation is told once. */
const past: typeof open = {
  'already-so': { 'reported-as-asked': ended('confirmed-late') },
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
