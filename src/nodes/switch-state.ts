import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../core/json.ts'

/** What of a payload, a command's or a report's, tells the state: its `state`, or a value without one as a whole. */
function stateOf(value: unknown): unknown {
  return isRecord(value) && Object.hasOwn(value, 'state') ? value['state'] : value
}

/** How a state reads as a word; undefined when it is no plain word, such as an object. */
function wordOf(state: unknown): string | undefined {
  if (typeof state === 'string') return state.trim().toLowerCase()
  return typeof state === 'boolean' || typeof state === 'number' ? String(Number(state)) : undefined
}

/** The states of a device that has several and none as a whole: `{"state_left": true, "state_right": false}`. */
function gangsOf(value: unknown): [key: string, state: unknown][] {
  if (!isRecord(value) || Object.hasOwn(value, 'state')) return []
  return Object.entries(value).filter(
    ([key, state]) => key.startsWith('state_') && plainSwitchOf(state) !== undefined,
  )
}

/** What is asked of some gangs of a device, with what the others said last. */
export function withGangs(asked: unknown, last: unknown): unknown {
  if (!isRecord(asked) || gangsOf(asked).length === 0) return asked
  return { ...Object.fromEntries(gangsOf(last)), ...asked }
}

/** Tasmota, Zigbee2MQTT and ESPHome say `OFF`, ESPurna says `0`, Homie `false`. */
const offWords: ReadonlySet<string> = new Set(['off', '0', 'false'])
const onWords: ReadonlySet<string> = new Set(['on', '1', 'true'])

/**
 * Whether `value` means on or off, in whatever letter case; undefined when it says neither. Any other word or
 * number is on: a lamp that blinks is not off.
 */
export function switchOf(value: unknown): 'on' | 'off' | undefined {
  const gangs = gangsOf(value)
  if (gangs.length > 0)
    return gangs.some(([, state]) => plainSwitchOf(state) === 'on') ? 'on' : 'off'
  const word = wordOf(stateOf(value))
  if (word === undefined || word === '') return undefined
  return offWords.has(word) ? 'off' : 'on'
}

/** `on` and `off` of states that are no more than that; undefined of others, such as `3-dot`. */
export function plainSwitchOf(state: unknown): 'on' | 'off' | undefined {
  const word = wordOf(state) ?? ''
  if (offWords.has(word)) return 'off'
  return onWords.has(word) ? 'on' : undefined
}

/** Whether two states say the same switch position in other words: `true`, `"ON"` and `1`. */
export function isSamePosition(one: unknown, other: unknown): boolean {
  const position = plainSwitchOf(one)
  return position !== undefined && position === plainSwitchOf(other)
}

type OffState = false | 0 | string

/** The payload that turns a device off. */
export type Off = OffState | Readonly<Record<string, OffState>>

/** What turns off a device that `value` turns on: its state is of the same type, its word in the same letters. */
export function offFor(value: unknown): Off {
  const gangs = gangsOf(value)
  if (gangs.length > 0) {
    return Object.fromEntries(gangs.map(([key, state]) => [key, offStateFor(state)]))
  }
  const off = offStateFor(stateOf(value))
  return isRecord(value) ? { state: off } : off
}

function offStateFor(state: unknown): OffState {
  if (typeof state === 'number') return 0
  if (typeof state !== 'string') return false
  const word = state.trim()
  if (word === '1') return '0'
  return inLettersOf(word, word.toLowerCase() === 'true' ? 'false' : 'off')
}

function inLettersOf(model: string, word: string): string {
  if (model === model.toUpperCase() && model !== model.toLowerCase()) return word.toUpperCase()
  const [first = '', second = ''] = model
  const isCapitalised = first !== first.toLowerCase() && second === second.toLowerCase()
  return isCapitalised ? `${word.charAt(0).toUpperCase()}${word.slice(1)}` : word
}

/** Longer states are not compared, and count as another one each time. */
const comparedCharacters = 64

/** What tells whether two states are the same; undefined is none that anything is the same as. */
export function stateKey(value: unknown): string | undefined {
  const state = stateOf(value)
  const text = plainSwitchOf(state) ?? JSON.stringify(state) ?? 'null'
  return text.length > comparedCharacters ? undefined : text
}

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
  if (isDeepStrictEqual(asked, reported) || isQuantityOf(asked, reported)) return true
  return key === 'state' && isSamePosition(asked, reported)
}

/** As Clown.Model reports what it measures and is set to: `[50, "%"]` is 50. */
function isQuantityOf(asked: unknown, reported: unknown): boolean {
  if (typeof asked !== 'number' || !Array.isArray(reported) || reported.length !== 2) return false
  return reported[0] === asked && typeof reported[1] === 'string'
}
