/** What a command is answered, on a websocket as by CGI: see `command.ts` and `reply.ts`. */
import type { Receipt } from '../../core/message.ts'
import type { Visitor } from '../../nodes/served/visitors.ts'
import type { Board } from './board.ts'
import type { NetzerCommand } from './command.ts'
import { writePin } from './pin-value.ts'
import { type Pin, pinIndexes } from './pins.ts'
import type { NetzerValues } from './reply.ts'

export const pinPath = 'uv'
export const triggerPath = `t${pinPath}`

/** Which edges of a pin are told: none, rising, falling, both. */
export const triggerValues = ['0', '1', '2', '3'] as const
export type TriggerValue = (typeof triggerValues)[number]

/** What one client is told by itself, by the index of a pin. */
export type Triggers = Map<string, TriggerValue>

export interface Asker {
  readonly visitor: Visitor
  /** Without them, as by CGI, there are no such paths. */
  readonly triggers?: Triggers
}

/** An answer for later, when those before it were given. */
export interface Answer {
  /** The command that is under way to a device already; its end is worth waiting for. */
  readonly outcome?: Promise<unknown>
  /** Sets a trigger, where that was asked for, and reads what there is now. */
  give(): NetzerValues
}

const none: NetzerValues = new Map()
const nothing: Answer = { give: () => none }

/** A path that does not exist is answered with nothing, as what nobody may see. */
export function answerTo(command: NetzerCommand | undefined, asker: Asker, board: Board): Answer {
  if (command === undefined) return nothing
  const { path, value } = command
  const present = { give: () => readBelow(path, asker, board) }
  if (value === undefined) return present
  const index = path.slice(-1)
  if (path === triggerPath + index) {
    return { give: () => (writeTrigger(index, value, asker) ? present.give() : none) }
  }
  const pin = path === pinPath + index ? board.pins.at(index) : undefined
  if (pin === undefined) return nothing
  const payload = writePin(pin, value)
  // What cannot be written is answered with what it is, as a write that has changed nothing.
  if (payload === undefined) return present
  const commanded = asker.visitor.command(pin.topic, payload)
  return { ...present, outcome: commanded.then((receipt) => seen(receipt, { pin, value }, board)) }
}

/** A report confirms a command a moment before everybody is told of it. */
function seen(
  { receipt }: Receipt,
  { pin, value }: { readonly pin: Pin; readonly value: string },
  board: Board,
): Promise<void> {
  return receipt === 'confirmed' ? board.untilSaid(pin, value) : Promise.resolve()
}

/** Whether there is such a trigger; a value that it cannot have leaves it as it is. */
function writeTrigger(index: string, value: string, { triggers }: Asker): boolean {
  if (triggers === undefined || !pinIndexes.includes(index)) return false
  const known = triggerValues.find((each) => each === value)
  if (known !== undefined) triggers.set(index, known)
  return true
}

/** All values at `path` and below it. */
function readBelow(path: string, { visitor, triggers }: Asker, board: Board): NetzerValues {
  const triggersNow = triggers
    ? pinIndexes.map((index) => [triggerPath + index, triggers.get(index) ?? '0'] as const)
    : []
  const pinsNow = board.pins.all().flatMap((pin) => {
    const value = visitor.mayRead(pin.topic) ? board.value(pin) : undefined
    return value === undefined ? [] : [[pinPath + pin.index, value] as const]
  })
  return new Map([...triggersNow, ...pinsNow].filter(([each]) => each.startsWith(path)))
}
