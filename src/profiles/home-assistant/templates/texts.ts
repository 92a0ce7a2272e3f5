/** How Python writes values: `str()`, `repr()`, and JSON. */
import {
  Dict,
  Duration,
  entriesIn,
  isFloat,
  itemsIn,
  Moment,
  Namespace,
  numberIn,
  type Rendering,
  TemplateError,
  Tuple,
  WholeFloat,
} from './values.ts'

/** What `str(value)` is; nothing is an empty text, as it is for Jinja. */
export function str(value: unknown, rendering: Rendering): string {
  if (typeof value === 'string') return value
  return value === undefined ? '' : repr(value, rendering)
}

export function repr(value: unknown, rendering: Rendering): string {
  switch (typeof value) {
    case 'string':
      rendering.room(value.length)
      return quoted(value)
    case 'number':
      return isFloat(value) ? floatText(value) : wholeText(value)
    case 'boolean':
      return value ? 'True' : 'False'
    case 'undefined':
      return 'Undefined'
    default:
      return value === null ? 'None' : rendering.deeper(() => objectText(value, rendering))
  }
}

function objectText(value: unknown, rendering: Rendering): string {
  if (value instanceof WholeFloat) return floatText(value.value)
  if (value instanceof Moment) return isoText(value, ' ')
  if (value instanceof Duration) return durationText(value)
  if (value instanceof Namespace) return `<Namespace ${repr(Dict.of(value.values), rendering)}>`
  const items = itemsIn(value)?.map((item) => repr(item, rendering))
  if (items !== undefined) return joined(items, value instanceof Tuple, rendering)
  const entries = entriesIn(value) ?? []
  const texts = entries.map(([key, each]) => `${repr(key, rendering)}: ${repr(each, rendering)}`)
  return `{${glued(texts, ', ', rendering)}}`
}

function joined(items: readonly string[], isTuple: boolean, rendering: Rendering): string {
  const text = glued(items, ', ', rendering)
  if (!isTuple) return `[${text}]`
  return items.length === 1 ? `(${text},)` : `(${text})`
}

/** `texts` with `glue` between them. */
export function glued(texts: readonly string[], glue: string, rendering: Rendering): string {
  rendering.room(texts.reduce((sum, text) => sum + text.length + glue.length, 0))
  return texts.join(glue)
}

/** Python takes double quotes for a text that has single ones and no double ones. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(/[\\\n\r\t'\p{Cc}]/gu, (character) => {
    if (character === "'") return quote === "'" ? "\\'" : "'"
    return escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
  return quote + escaped + quote
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

export function wholeText(value: number): string {
  return Math.abs(value) < 1e21 ? String(value) : BigInt(value).toString()
}

/** Python writes an exponent below 1e-4 and from 1e16 on, in two digits at least. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const magnitude = Math.abs(value)
  if (magnitude === 0) return Object.is(value, 0) ? '0.0' : '-0.0'
  if (magnitude >= 1e16 || magnitude < 1e-4) return withExponent(value.toExponential())
  const text = String(value)
  return Number.isInteger(value) ? `${text}.0` : text
}

export function withExponent(text: string): string {
  return text.replace(/([+-])(\d)$/, '$10$2')
}

/** `value` with so many digits behind the point; a tie goes to the even digit, as it does in Python. */
export function fixedText(value: number, digits: number): string {
  if (!Number.isFinite(value)) return floatText(value)
  if (Math.abs(value) >= 1e21)
    return digits === 0 ? wholeText(value) : `${wholeText(value)}.${'0'.repeat(digits)}`
  const shifted = Math.abs(value) * 10 ** digits
  return Math.abs((shifted % 1) - 0.5) < 1e-6 ? evenText(value, digits) : value.toFixed(digits)
}

/** The same where a tie is near: what stands behind is exact, and JavaScript rounds a tie away from zero. */
function evenText(value: number, digits: number): string {
  const exact = value.toFixed(Math.min(digits + 60, 100))
  const end = exact.indexOf('.') + 1 + digits
  const kept = exact.slice(0, digits === 0 ? end - 1 : end)
  const isTie = /^50*$/.test(exact.slice(end))
  return isTie && /[02468]$/.test(kept) ? kept : value.toFixed(digits)
}

/** `value` rounded as Python's `round()` does it, to so many digits behind the point, or before it. */
export function rounded(value: number, digits: number): number {
  if (digits >= 0) return digits > 40 ? value : Number(fixedText(value, digits))
  const unit = 10 ** -digits
  return Number(fixedText(value / unit, 0)) * unit
}

/** ISO 8601 in UTC, with fractions of a second only where there are any. */
export function isoText({ ms }: Moment, separator: string): string {
  const [day = '', time = ''] = new Date(ms).toISOString().split('T')
  const [seconds = '', fraction = ''] = time.slice(0, -1).split('.')
  const behind = Number(fraction) === 0 ? '' : `.${fraction}000`
  return `${day}${separator}${seconds}${behind}+00:00`
}

function durationText({ ms }: Duration): string {
  const days = Math.floor(ms / 86_400_000)
  const [, time = ''] = isoText(new Moment(ms - days * 86_400_000), ' ').split(' ')
  const clock = time.slice(0, -'+00:00'.length).replace(/^0/, '')
  return days === 0 ? clock : `${days} day${Math.abs(days) === 1 ? '' : 's'}, ${clock}`
}

/** How a value is written as JSON: compact, keys as texts. @throws TemplateError for what JSON does not have. */
export function jsonText(value: unknown, rendering: Rendering): string {
  const number = typeof value === 'boolean' ? undefined : numberIn(value)
  if (number !== undefined) return Number.isFinite(number) ? repr(value, rendering) : 'null'
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') {
    rendering.room(value.length)
    return JSON.stringify(value)
  }
  if (value instanceof Moment) return `"${isoText(value, 'T')}"`
  return rendering.deeper(() => partsJson(value, rendering))
}

function partsJson(value: unknown, rendering: Rendering): string {
  const items = itemsIn(value)?.map((item) => jsonText(item, rendering))
  if (items !== undefined) return `[${glued(items, ',', rendering)}]`
  const entries = entriesIn(value)
  if (entries === undefined) throw new TemplateError('expected what JSON can hold')
  const texts = entries.map(([key, each]) => {
    return `${JSON.stringify(str(key, rendering))}:${jsonText(each, rendering)}`
  })
  return `{${glued(texts, ',', rendering)}}`
}
