import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../../core/json.ts'
import { isSamePosition, stateOf } from '../switch-state.ts'

/** What a report says about a command: the device is in the state asked for, or in another. */
export type Verdict = 'as-asked' | 'otherwise'

/**
 * Compares what was asked of a device with what it reports; undefined when the report does not speak
 * of it all. A command may ask for a part of what its device reports.
 */
export function verdictOf(asked: unknown, reported: unknown): Verdict | undefined {
  if (!isRecord(asked)) return verdictOfState(asked, reported)
  if (!isRecord(reported)) return undefined
  const told = Object.entries(asked).filter(([key]) => Object.hasOwn(reported, key))
  const isAsAsked = told.every(([key, value]) => isSame(key, value, reported[key]))
  if (!isAsAsked) return 'otherwise'
  // What was asked for and is not told may be different.
  return told.length > 0 && told.length === Object.keys(asked).length ? 'as-asked' : undefined
}

/** Of a bare word: Zigbee2MQTT takes `ON`, and reports `{"state": "ON", …}`. */
function verdictOfState(asked: unknown, reported: unknown): Verdict | undefined {
  const state = stateOf(reported)
  if (isRecord(state)) return undefined
  return isDeepStrictEqual(asked, state) || isSamePosition(asked, state) ? 'as-asked' : 'otherwise'
}

function isSame(key: string, asked: unknown, reported: unknown): boolean {
  if (isDeepStrictEqual(asked, reported)) return true
  return key === 'state' && isSamePosition(asked, reported)
}
