/** A websocket: commands are answered in their order, and between them comes what triggers tell. */
import type { Logger } from 'pino'
import type { Receipt } from '../../core/message.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import type { ServedConversation, ServedLink } from '../served-dialect.ts'
import { commandCodec, type NetzerCommand, type NetzerValues, replyCodec } from './frames.ts'
import { type Board, type Pin, pinIndexes, saidAfter, writePin } from './pins.ts'

/** So many commands may wait for their answers. */
const mostWaiting = 64

interface ConversationParts {
  readonly dialectUser: DialectUser
  readonly board: Board
  readonly log: Pick<Logger, 'error'>
}

export function converse(
  link: ServedLink,
  { dialectUser, board, log }: ConversationParts,
): ServedConversation {
  const triggers: Triggers = new Map()
  const lastSent = new Map<string, string | undefined>()
  const turns = createTurns(link, log)
  const push = (pin: Pin, value: string) =>
    link.send(replyCodec.encode(new Map([[pinPath + pin.index, value]])), pin.index)
  const pushPresent = (index: string) => {
    const pin = board.pins.at(index)
    const value = pin && dialectUser.mayRead(pin.topic) ? board.value(pin) : undefined
    lastSent.set(index, value)
    if (pin !== undefined && value !== undefined) push(pin, value)
  }
  const stop = board.onChange((pin) => {
    const trigger = triggers.get(pin.index) ?? '0'
    if (trigger === '0' || !dialectUser.mayRead(pin.topic)) return
    const before = lastSent.get(pin.index)
    const now = board.value(pin)
    lastSent.set(pin.index, now)
    if (now !== undefined && now !== before && isEdge(trigger, before, now)) push(pin, now)
  })
  return {
    receive: (frame) => {
      if (!turns.hasRoom()) return
      const command = commandCodec.decode(frame)
      const { result, give } = answerTo(command, { dialectUser, triggers }, board)
      turns.take(result, () => {
        link.send(replyCodec.encode(give()))
        const watched = command && watchedBy(command, triggers)
        if (watched !== undefined) pushPresent(watched)
      })
    },
    closed: stop,
  }
}

/** Whether a change is one that the trigger tells of; of a pin that said nothing any is. */
function isEdge(trigger: '1' | '2' | '3', before: string | undefined, now: string): boolean {
  if (trigger === '3' || before === undefined) return true
  return trigger === '1' ? Number(now) > Number(before) : Number(now) < Number(before)
}

/** The pin whose trigger is on now by this command. */
function watchedBy({ path, value }: NetzerCommand, triggers: Triggers): string | undefined {
  const index = path.slice(-1)
  const isSet = path === triggerPath + index && value !== undefined
  return isSet && (triggers.get(index) ?? '0') !== '0' ? index : undefined
}

/** Lets answers go out in the order of their commands. */
function createTurns(link: Pick<ServedLink, 'close'>, log: Pick<Logger, 'error'>) {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return {
    /** Whether one more may wait; otherwise its link closes. */
    hasRoom: () => {
      // The IANA registry of RFC 6455, 11.7: 1013, try again later.
      if (waiting >= mostWaiting) link.close(1013, 'too many commands wait for their answers')
      return waiting < mostWaiting
    },
    /** Calls `act` after all before it, and after `result`. */
    take: (result: Promise<unknown> | undefined, act: () => void) => {
      waiting++
      last = Promise.all([last, result])
        .then(act)
        .catch((error: unknown) => {
          log.error({ event: 'netzer-failed', err: error }, 'a command could not be answered')
          // RFC 6455, 7.4.1: 1011, an unexpected condition.
          link.close(1011, 'the hub could not answer a command')
        })
        .then(() => waiting--)
    },
  }
}

// --- answers, on a websocket as by CGI ---

const pinPath = 'uv'
const triggerPath = `t${pinPath}`

/** Which edges of a pin are told: none, rising, falling, both. */
const triggerValues = ['0', '1', '2', '3'] as const
type TriggerValue = (typeof triggerValues)[number]

/** What one client is told by itself, by the index of a pin. */
type Triggers = Map<string, TriggerValue>

interface Caller {
  readonly dialectUser: DialectUser
  /** Without them, as by CGI, there are no such paths. */
  readonly triggers?: Triggers
}

/** An answer for later, when those before it were given. */
interface Answer {
  /** The command that is under way to a device already; its end is worth waiting for. */
  readonly result?: Promise<unknown>
  /** Sets a trigger, where that was asked for, and reads what there is now. */
  give(): NetzerValues
}

const none: NetzerValues = new Map()
const nothing: Answer = { give: () => none }

/** A path that does not exist is answered with nothing, as what nobody may see. */
export function answerTo(command: NetzerCommand | undefined, caller: Caller, board: Board): Answer {
  if (command === undefined) return nothing
  const { path, value } = command
  const present = { give: () => readBelow(path, caller, board) }
  if (value === undefined) return present
  const index = path.slice(-1)
  if (path === triggerPath + index) {
    return { give: () => (writeTrigger(index, value, caller) ? present.give() : none) }
  }
  const pin = path === pinPath + index ? board.pins.at(index) : undefined
  if (pin === undefined) return nothing
  const payload = writePin(pin, value)
  // What cannot be written is answered with what it is, as a write that has changed nothing.
  if (payload === undefined) return present
  const commanded = caller.dialectUser.command(pin.topic, payload)
  return { ...present, result: commanded.then((receipt) => seen(receipt, { pin, value }, board)) }
}

/** A report confirms a command a moment before everybody is told of it. */
function seen(
  { receipt }: Receipt,
  { pin, value }: { readonly pin: Pin; readonly value: string },
  board: Board,
): Promise<void> {
  return receipt === 'confirmed' ? board.untilSaid(pin, saidAfter(pin, value)) : Promise.resolve()
}

/** Whether there is such a trigger; a value that it cannot have leaves it as it is. */
function writeTrigger(index: string, value: string, { triggers }: Caller): boolean {
  if (triggers === undefined || !pinIndexes.includes(index)) return false
  const known = triggerValues.find((each) => each === value)
  if (known !== undefined) triggers.set(index, known)
  return true
}

/** All values at `path` and below it. */
function readBelow(path: string, { dialectUser, triggers }: Caller, board: Board): NetzerValues {
  const triggersNow = triggers
    ? pinIndexes.map((index) => [triggerPath + index, triggers.get(index) ?? '0'] as const)
    : []
  const pinsNow = board.pins.all().flatMap((pin) => {
    const value = dialectUser.mayRead(pin.topic) ? board.value(pin) : undefined
    return value === undefined ? [] : [[pinPath + pin.index, value] as const]
  })
  return new Map([...triggersNow, ...pinsNow].filter(([each]) => each.startsWith(path)))
}
