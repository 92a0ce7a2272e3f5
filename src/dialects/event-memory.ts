import type { AlarmClock } from '../core/clock.ts'
import type { SeenDevice } from '../nodes/served/seen-devices.ts'
import { type ModelRow, readQuantity } from './model-row.ts'

/** A button was pressed and let go: of the only one there is, 1, the action 2. */
export const shortRelease = 1002

/** What events are called, and the last digits of what deCONZ calls them; whatever else happens is a press. */
const actionsByWord: readonly (readonly [word: RegExp, action: number])[] = [
  [/long.?release|hold.?release|release.*(long|hold)/, 3],
  [/long|hold/, 1],
  [/quad/, 6],
  [/triple|treble/, 5],
  [/double/, 4],
  [/shake/, 7],
  [/drop|fall/, 8],
  [/tilt|flip/, 9],
]

function buttonEventOf(word: string): number {
  const lower = word.toLowerCase()
  const [, action] = actionsByWord.find(([known]) => known.test(lower)) ?? []
  return action === undefined ? shortRelease : 1000 + action
}

/** How long somebody is there after the last movement; deCONZ calls it the `duration` of a motion sensor. */
export const presenceSeconds = 60

/**
 * Clown.Model counts movements and presses, others tell states and events: this remembers the counts,
 * what they came to, and what happened last of what is told by a word.
 */
export interface EventMemory {
  /** A device has reported; whether something happened that its count tells of. */
  report(device: SeenDevice, row: ModelRow): boolean
  /** Whether somebody moved a short while ago. */
  isPresent(number: number): boolean
  /** The last event of a button; null before the first one. */
  buttonEvent(number: number): number | null
  /** When something happened last, in milliseconds since 1970; undefined before the first time. */
  happenedAtMs(number: number): number | undefined
  forget(number: number): void
  close(): void
}

export interface EventMemoryOptions {
  readonly clock: Pick<AlarmClock, 'after'>
  /** Nobody is there any more. */
  onAbsence(number: number): void
}

export function createEventMemory({ clock, onAbsence }: EventMemoryOptions): EventMemory {
  const counts = new Map<number, number>()
  const buttons = new Map<number, number>()
  const times = new Map<number, number | undefined>()
  /** How to stop the end of each presence. */
  const presences = new Map<number, () => void>()
  const endPresence = (number: number) => {
    presences.get(number)?.()
    presences.delete(number)
  }
  const happened = ({ number }: SeenDevice, { kind }: ModelRow) => {
    if (kind !== 'pir') {
      buttons.set(number, shortRelease)
      return
    }
    endPresence(number)
    const stop = clock.after(presenceSeconds * 1000, () => {
      presences.delete(number)
      onAbsence(number)
    })
    presences.set(number, stop)
  }
  return {
    report: (device, row) => {
      const word = row.form === 'event' ? readQuantity(row, device.value) : undefined
      // An empty one is how some say that it is over.
      if (typeof word === 'string' && word !== '') {
        buttons.set(device.number, buttonEventOf(word))
        times.set(device.number, device.heardAtMs)
        return true
      }
      const count = row.form === 'events' ? readQuantity(row, device.value) : undefined
      if (typeof count !== 'number') return false
      const before = counts.get(device.number)
      counts.set(device.number, count)
      // A node that starts anew counts from zero.
      if (before === undefined || count === before || count === 0) return false
      happened(device, row)
      times.set(device.number, device.heardAtMs)
      return true
    },
    isPresent: (number) => presences.has(number),
    buttonEvent: (number) => buttons.get(number) ?? null,
    happenedAtMs: (number) => times.get(number),
    forget: (number) => {
      endPresence(number)
      counts.delete(number)
      buttons.delete(number)
      times.delete(number)
    },
    close: () => {
      for (const number of [...presences.keys()]) endPresence(number)
    },
  }
}
