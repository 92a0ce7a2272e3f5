import { randomUUID } from 'node:crypto'
import type { Sender } from '../../access/sender.ts'
import type { Bus } from '../../bus/bus.ts'
import { type AlarmClock, systemClock } from '../../core/clock.ts'
import { HubError, quote } from '../../core/errors.ts'
import { errorOn, type Message, type Receipt } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import { RecencyMap } from '../../core/recency-map.ts'
import { commandTopic } from '../device.ts'
import { type Off, switchOf } from '../switch-state.ts'
import { type Command, CommandLife, type LastReport } from './command-life.ts'
import { createTurns, type TooSoon } from './turns.ts'

/** What is asked of a device. */
export interface Request {
  /** The topic of the device. */
  readonly device: string
  /** As it goes on the bus; of a device of a profile what is asked of it, which goes out as `translation` says. */
  readonly message: Message
  readonly sender: Sender
  readonly translation?: Translation
}

/** What a profile makes of a command to one of its devices. */
export interface Translation {
  /** What goes on the bus. */
  readonly outgoing: readonly Message[]
  /** What sends it to a device that is not on the bus. */
  readonly send?: () => void
  /** What the device reports once it has obeyed. */
  readonly goal: unknown
  readonly isConfirmable: boolean
}

/** A command as the guard of its device sees it. */
export interface GuardedCommand {
  /** The complete topic of the device. */
  readonly device: string
  /** The payload that is asked for, decoded. */
  readonly asked: unknown
  /** Whether the hub itself turns off what has been on for long enough: nothing but a lock stands against that. */
  readonly isOwn?: boolean
}

/** What may stand against a command: the relay guard. */
export interface CommandGuard {
  /**
   * Why a command comes too soon; undefined when it may be sent.
   *
   * @throws HubError when it is not to be sent at all.
   */
  check(command: GuardedCommand): TooSoon | undefined
  /** The command is being sent. */
  sent(command: GuardedCommand): void
}

/** How the hub turns off what has been on for long enough. It is no user, and has no rate. */
export const autoOff: Sender = {
  user: 'hub',
  rights: { mayPublish: () => ({ allowed: true, reason: 'the hub does so itself' }) },
  address: 'hub',
  way: 'auto-off',
}

/** A bare word is told as MQTT devices say it: without quotation marks. */
export function offMessage(device: string, off: Off): Message {
  const payload = typeof off === 'string' ? new Payload(Buffer.from(off)) : Payload.ofValue(off)
  return { topic: commandTopic(device), payload, qos: 1, retain: false }
}

export interface CommandsOptions {
  readonly bus: Pick<Bus, 'publish' | 'refusalOf'>
  readonly relayGuard: CommandGuard
  /**
   * Counts a command of a user.
   *
   * @throws HubError `too-fast`
   */
  takeRate(user: string): void
  /** Whether a profile knows the device: a command to any other one is a message like others. */
  isKnown(device: string): boolean
  /**
   * What a command that was accepted has to pass again at its turn: the right of its sender, as of now.
   *
   * @throws HubError `forbidden`
   */
  checkRight(request: Request): void
  /** @throws HubError `unknown-device` when the node of a device has none of this name. */
  checkKnown(request: Request): void
  /** Whether the node of a device is known to be away. */
  isOffline(device: string): boolean
  timeoutMsOf(device: string): number
  /** What a device has reported last; undefined when its state is not known. */
  lastReportOf(device: string): LastReport | undefined
  /** Asks a device to report; returns whether it can be asked. */
  ask(device: string): boolean
  /** Whether an MQTT client passes on what is meant for devices: what it acknowledges they may not have. */
  isGateway(client: string): boolean
  /** Whether a device has a rule of which no restart may lose that it was commanded. */
  isKeptFirst(device: string): boolean
  /** Calls back when all that was told of commands so far is on disk, and the guard's rules with it. */
  whenKept(act: () => unknown): void
  /** A command that was sent at `sentAtMs` is not to arrive any more: where it waits for a dead wire, it is lost. */
  recall(command: Command, sentAtMs: number): void
  /** Called with each receipt of each command. */
  tell(command: Command, receipt: Receipt): void
  /** How many devices are remembered with their last commands. */
  readonly devices: number
  readonly clock?: AlarmClock
}

/** Follows each command from its acceptance to its end, whatever way it came in. */
export interface Commands {
  /**
   * Sends a command to its device, in place of the one before, and tells what becomes of it. What comes too
   * soon waits for its turn, and takes the place of what waits.
   *
   * @throws HubError when it is refused: nothing was sent then, and the command before goes on.
   */
  take(request: Request): void
  /** Tells that a command was refused. Who does not watch it learns by `error`, which is thrown. */
  refuse(request: Request, error: HubError): void
  /**
   * A device has reported, by somebody who may speak for its node; `client` is the MQTT client that said so. Returns
   * whether that is the answer to a command.
   */
  reported(device: string, payload: Payload, client: string | undefined): boolean
  /** A device, or what is in front of it, has refused its last command. */
  denied(device: string, reason: string): void
  /** A device has taken its last command, and may need `withinMs` from now on. */
  taken(device: string, withinMs: number): void
  /** Somebody else has sent a command to a device: it is followed from here on, and counts for its rules. */
  observe(request: Request): void
  /** Whether what a device reports may be the answer to a command. */
  isFollowed(device: string): boolean
  /** Nobody knows the state of a device any more. */
  forget(device: string): void
  /** Nobody may command a device any more: what is under way to it is not to arrive. */
  locked(device: string): void
  /** Another hub commands from now on: what is under way ends as unknown, what waits is refused with `error`. */
  yielded(error: HubError): void
  /** Commands under way end as unknown; those that wait are refused. */
  close(): void
}

export function createCommands(options: CommandsOptions): Commands {
  const { bus, relayGuard, checkRight, isOffline, clock = systemClock } = options
  const lives = createLives(options.devices)
  let isClosed = false
  const begin = (request: Request) =>
    new CommandLife({ ...commandOf(request, options), isAccepted: true }, { ...options, clock })
  const send = (request: Request, begun?: CommandLife) => {
    const { device, message } = request
    // Whoever watches it hears of it, and the guard keeps it, before it leaves. No report comes in the same turn.
    const life = begun ?? begin(request)
    const mayWait = options.isKeptFirst(device) && !turnsOff(request)
    const leave = () => leaveFor(bus, request, life)
    relayGuard.sent(guardedCommandOf(request))
    if (!mayWait) leave()
    life.sent(lives.of(device))
    lives.follow(device, life, message.payload.bytes.length)
    const mayLeave = () => life.isOpen || !translationOf(request).isConfirmable
    const isDue = () => mayLeave() && !isLocked(device, relayGuard)
    if (mayWait) options.whenKept(() => isDue() && leave())
  }
  const check = (request: Request) => {
    if (!isOwn(request)) options.checkKnown(request)
    const tooSoon = relayGuard.check(guardedCommandOf(request))
    if (isOffline(request.device)) throw nodeOffline(request.device)
    for (const refusal of refusalsOf(request, bus)) throw refusal
    return tooSoon
  }
  const turns = createTurns({
    clock,
    turnsOff,
    check: (request) => {
      checkRight(request)
      return check(request)
    },
    send,
    refuse: (request, life, error) => {
      life.refused(error)
      if (isUnanswered(request, error)) bus.publish(errorOn(request.message.topic, error))
    },
  })
  const endAll = (error: HubError) => [turns.refuseAll(error), lives.close()]
  return {
    take: (request) => {
      if (isClosed) throw hubEnds()
      const { device, sender } = request
      const isUsers = !isOwn(request)
      if (isUsers && options.isKnown(device)) options.takeRate(sender.user)
      const tooSoon = check(request)
      // What the hub turns off itself is about what was sent before, and what waits goes on waiting.
      if (isUsers) turns.checkWay(request)
      if (tooSoon !== undefined && turns.wait(request, tooSoon, () => begin(request))) return
      if (isUsers) turns.supersede(device)
      send(request)
    },
    refuse: (request, error) => {
      const receipt = receiptOf(error)
      options.tell(commandOf(request, options), receipt)
      const { watcher } = request.sender
      if (watcher === undefined) throw error
      watcher.changed(receipt)
      watcher.ended?.(receipt)
    },
    ...followed(lives, { ...options, clock }),
    yielded: endAll,
    close: () => {
      isClosed = true
      endAll(new HubError('hub-ends', endsBeforeTurn))
    },
  }
}

type Lives = ReturnType<typeof createLives>

/** What happens to commands that are under way. */
function followed(lives: Lives, options: CommandsOptions & { readonly clock: AlarmClock }) {
  return {
    // Looked up before anything is decoded: most messages are no answers.
    reported: (device, payload, client) => lives.of(device)?.reported(payload, client) === true,
    denied: (device, reason) => lives.of(device)?.denied(reason),
    taken: (device, withinMs) => lives.of(device)?.taken(withinMs),
    isFollowed: (device) => lives.of(device) !== undefined,
    observe: (request) => {
      const { device, message } = request
      const command = { ...commandOf(request, options), isAccepted: true, isObserved: true }
      const life = new CommandLife(command, options)
      options.relayGuard.sent(guardedCommandOf(request))
      life.sent(lives.of(device))
      lives.follow(device, life, message.payload.bytes.length)
    },
    forget: (device) => lives.of(device)?.forget(),
    locked: (device) => lives.of(device)?.locked(),
  } satisfies Partial<Commands>
}

/** What is refused at once. */
function commandOf(
  request: Request,
  { timeoutMsOf }: Pick<CommandsOptions, 'timeoutMsOf'>,
): Command {
  const { device, message, sender } = request
  const timeoutMs = sender.timeoutMs ?? timeoutMsOf(device)
  const { outgoing, goal, isConfirmable } = translationOf(request)
  const { payload, qos, traced } = message
  return {
    id: randomUUID(),
    device,
    asked: payload.value,
    goal,
    isConfirmable,
    topics: outgoing.map(({ topic }) => topic),
    isObserved: false,
    isAccepted: false,
    sender,
    traced,
    qos,
    at: new Date(),
    timeoutMs,
  }
}

/** What needs no translation goes out as it came, and is confirmed by the same. */
function translationOf({ message, translation }: Request): Translation {
  return translation ?? { outgoing: [message], goal: message.payload.value, isConfirmable: true }
}

/** Publishes what goes out; what waited for the disk may meet a bus that does not take it any more. */
function leaveFor(bus: CommandsOptions['bus'], request: Request, life: CommandLife): void {
  const [refusal] = refusalsOf(request, bus)
  if (refusal !== undefined) life.untaken(refusal)
  else {
    const { traced } = request.message
    const { outgoing, send } = translationOf(request)
    for (const each of outgoing) bus.publish({ ...each, receivers: life, traced })
    send?.()
  }
}

/** Why the bus does not take what goes out; nothing when it does. */
function refusalsOf(request: Request, bus: Pick<Bus, 'refusalOf'>): readonly HubError[] {
  return translationOf(request).outgoing.flatMap(({ topic }) => bus.refusalOf(topic) ?? [])
}

function isOwn({ sender }: Request): boolean {
  return sender === autoOff
}

/** Whether it is by now: since it was checked, much time may have gone by where the disk is slow. */
function isLocked(device: string, relayGuard: CommandGuard): boolean {
  try {
    relayGuard.check({ device, asked: undefined, isOwn: true })
    return false
  } catch {
    return true
  }
}

function turnsOff({ message }: Request): boolean {
  return switchOf(message.payload.value) === 'off'
}

/** A command as the relay guard sees it. */
function guardedCommandOf(request: Request): GuardedCommand {
  const { device, message } = request
  return { device, asked: message.payload.value, isOwn: isOwn(request) }
}

/** Whether a sender, who has no call to come back to any more, would learn nothing of a refusal. */
function isUnanswered({ sender }: Request, { code }: HubError): boolean {
  return sender.watcher === undefined && code !== 'forbidden'
}

/** What is asked for is kept until the next command to the same device: of all devices together so much. */
const maxLivesBytes = 16 * 1_048_576

/** The last command to each device, of so many devices. */
function createLives(devices: number) {
  const lives = new RecencyMap<string, { readonly life: CommandLife; readonly bytes: number }>()
  let bytes = 0
  const loseUntil = (isEnough: () => boolean) => {
    for (const [device, lost] of lives.entries()) {
      if (isEnough()) break
      lost.life.lose()
      bytes -= lost.bytes
      lives.delete(device)
    }
  }
  return {
    of: (device: string) => lives.get(device)?.life,
    follow: (device: string, life: CommandLife, itsBytes: number) => {
      bytes += itsBytes - (lives.get(device)?.bytes ?? 0)
      lives.set(device, { life, bytes: itsBytes })
      loseUntil(() => lives.size <= devices && bytes <= maxLivesBytes)
    },
    close: () => loseUntil(() => lives.size === 0),
  }
}

const endsBeforeTurn = 'expected to wait for its turn, but the hub ends: nothing was sent'

function hubEnds(): HubError {
  return new HubError('hub-ends', 'expected a hub that goes on, but it ends: nothing was sent')
}

function nodeOffline(device: string): HubError {
  return new HubError('node-offline', `expected the node of ${quote(device)} online, it is not`)
}

function receiptOf({ code, message }: HubError): Receipt {
  const receipt = code === 'node-offline' ? 'node-offline' : 'refused'
  return { receipt, code, message, afterMs: 0, final: true }
}
