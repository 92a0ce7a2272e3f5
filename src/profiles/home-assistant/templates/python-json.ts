/** JSON as Python reads it, which tells 20.0 from 20. */
import { isRecord } from '../../../core/json.ts'
import { WholeFloat } from './values.ts'

/** Whether a text may have a number that Python takes for a float although it is whole. */
const mayHaveOne = /\d(?:\.0|e)/i

/** A string, or a number. In JSON each string is closed; that it need not be here keeps the search linear. */
const token = /"(?:[^"\\]|\\.)*"?|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gis

/** A key that no device sends, of a private use plane. */
const mark = '\u{10ffff}whole'

/** `value`, which `text` parses to, with whole floats as such. */
export function pythonJson(text: string, value: unknown): unknown {
  if (!mayHaveOne.test(text) || text.includes(mark)) return value
  const marked = text.replace(token, (part) => {
    const number = part.startsWith('"') || !/[.e]/i.test(part) ? Number.NaN : Number(part)
    return Number.isInteger(number) ? `{"${mark}":${part}}` : part
  })
  return marked.length === text.length ? value : JSON.parse(marked, revived)
}

function revived(_: string, value: unknown): unknown {
  const number = isRecord(value) && Object.hasOwn(value, mark) ? value[mark] : undefined
  return typeof number === 'number' ? new WholeFloat(number) : value
}
