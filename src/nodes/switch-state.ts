import { isRecord } from '../core/json.ts'

/** What of a payload, a command's or a report's, tells the state: its `state`, or a value without one as a whole. */
export function stateOf(value: unknown): unknown {
  return isRecord(value) && Object.hasOwn(value, 'state') ? value['state'] : value
}

/** How a state reads as a word; undefined when it is no plain word, such as an object. */
function wordOf(state: unknown): string | undefined {
  if (typeof state === 'string') return state.trim().toLowerCase()
  return typeof state === 'boolean' || typeof state === 'number' ? String(Number(state)) : undefined
}

/** Tasmota, Zigbee2MQTT and ESPHome say `OFF`, ESPurna says `0`, Homie `false`. */
const offWords: ReadonlySet<string> = new Set(['off', '0', 'false'])
const onWords: ReadonlySet<string> = new Set(['on', '1', 'true'])

/**
 * Whether `value` means on or off, in whatever letter case; undefined when it says neither. Any other word or
 * number is on: a lamp that blinks is not off.
 */
export function switchOf(value: unknown): 'on' | 'off' | undefined {
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
export type Off = OffState | { readonly state: OffState }

/** What turns off a device that `value` turns on: its state is of the same type, its word in the same letters. */
export function offFor(value: unknown): Off {
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
