import { fieldOf, isRecord } from '../../core/record.ts'

/** The state that a command asks for or a report tells; a value without `state` is one as a whole. */
function stateOf(value: unknown): unknown {
  return isRecord(value) && Object.hasOwn(value, 'state') ? value['state'] : value
}

/** Whether `value`, a command's or a report's, means on or off; undefined when its `state` says neither. */
export function switchOf(value: unknown): 'on' | 'off' | undefined {
  const state = fieldOf(value, 'state')
  switch (typeof state) {
    case 'boolean':
      return state ? 'on' : 'off'
    case 'number':
      return state === 0 ? 'off' : 'on'
    case 'string':
      return state === 'off' ? 'off' : 'on'
    default:
      return undefined
  }
}

/** What turns a device off. */
export interface Off {
  readonly state: false | 'off' | 0
}

/** What turns off a device that `value` turns on: its state is of the same type. */
export function offFor(value: unknown): Off {
  const state = stateOf(value)
  if (typeof state === 'number') return { state: 0 }
  return { state: typeof state === 'string' ? 'off' : false }
}

/** Longer states are not compared, and count as another one each time. */
const comparedCharacters = 64

/** What tells whether two states are the same; undefined is none that anything is the same as. */
export function stateKey(value: unknown): string | undefined {
  const text = JSON.stringify(stateOf(value)) ?? 'null'
  return text.length > comparedCharacters ? undefined : text
}
