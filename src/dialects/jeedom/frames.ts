/** What goes over the websocket of the plugin: the key of a client, and what has happened. */
import { fieldOf, isRecord, parseJson } from '../../core/json.ts'
import type { Codec } from '../served-dialect.ts'

export interface JeedomEvent {
  /** Seconds since 1970; a text or a number, by the version of Jeedom and PHP. */
  readonly datetime: string | number
  readonly name: string
  /** An object, a text, or an empty array where there is none. */
  readonly option: unknown
}

/** A frame of the server, and the result of `event::changes`. */
export interface JeedomChanges {
  readonly datetime: number
  readonly result: readonly JeedomEvent[]
}

export const changesCodec: Codec<JeedomChanges> = {
  decode: (frame) => {
    const value = parseJson(frame)
    return isChanges(value) ? value : undefined
  },
  encode: phpJson,
}

function isChanges(value: unknown): value is JeedomChanges {
  if (!isRecord(value) || typeof value['datetime'] !== 'number') return false
  const { result } = value
  return Array.isArray(result) && result.every(isEvent)
}

function isEvent(value: unknown): value is JeedomEvent {
  if (!isRecord(value) || typeof value['name'] !== 'string') return false
  const { datetime, option } = value
  const isTime = typeof datetime === 'number' || isNumeric(datetime)
  const isNothing = Array.isArray(option) && option.length === 0
  return isTime && (isRecord(option) || typeof option === 'string' || isNothing)
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'string' && /^\d+(\.\d+)?$/.test(value)
}

/** The first frame of a client: `{"apiKey":"…"}`. */
export const keyCodec: Codec<string> = {
  decode: (frame) => {
    const key = fieldOf(parseJson(frame), 'apiKey')
    return typeof key === 'string' ? key : undefined
  },
  encode: (apiKey) => phpJson({ apiKey }),
}

/** As `json_encode` of PHP: what is not ASCII is escaped. */
export function phpJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u0080-\uffff]/g, (character) => {
    const code = character.charCodeAt(0).toString(16)
    return `\\u${code.padStart(4, '0')}`
  })
}
