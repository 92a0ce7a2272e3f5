/** How Python writes values: `str()`, `repr()`, and JSON. */
import { isRecord } from '../../../core/json.ts'
import {
  asNumber,
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

function repr(value: unknown, rendering: Rendering): string {
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

function wholeText(value: number): string {
  return Math.abs(value) < 1e21 ? String(value) : BigInt(value).toString()
}

/** Python writes an exponent below 1e-4 and from 1e16 on, in two digits at least. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const magnitude = Math.abs(value)
  if (magnitude === 0) return Object.is(value, 0) ? '0.0' : '-0.0'
  if (magnitude >= 1e16 || magnitude < 1e-4) return withExponent(value.toExponential())
  const text = String(value)
  return Number.isInteger(value) ? `${text}.0` : text
}

function withExponent(text: string): string {
  return text.replace(/([+-])(\d)$/, '$10$2')
}

/** `value` with so many digits behind the point; a tie goes to the even digit, as it does in Python. */
function fixedText(value: number, digits: number): string {
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

// --- JSON, as Python reads it ---

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

// --- Python's two ways of formatting ---

/** What stands between a `%` or a `:` and the letter of its kind. */
interface Layout {
  readonly fill: string
  readonly align: string
  readonly sign: string
  readonly isAlternate: boolean
  readonly groups: string
  readonly width: number
  readonly precision: number | undefined
  readonly kind: string
}

/** `%d`, `%5.1f`, `%-10s`, `%(name)s`: Python's older way of formatting. */
const percentForm = /%(?:\((\w*)\))?([-+ #0]{0,5})(\d{0,6})(?:\.(\d{0,3}))?([a-zA-Z%])/g

/** `form % values`. @throws TemplateError when there is not one value for each place. */
export function percentFormat(form: string, values: unknown, rendering: Rendering): string {
  const list = values instanceof Tuple ? values.items : [values]
  let next = 0
  const text = form.replace(percentForm, (_, ...parts) => {
    const [name, flags = '', width, precision, kind] = parts
    if (kind === '%') return '%'
    const isNamed = name !== undefined
    if (!isNamed && next === list.length) throw new TemplateError('expected a value for each %')
    const value = isNamed ? namedIn(values, name) : list[next++]
    return laidOut(value, layoutOf({ flags, width, precision, kind }), rendering)
  })
  rendering.room(text.length)
  return text
}

function namedIn(values: unknown, name: string): unknown {
  return entriesIn(values)?.find(([key]) => key === name)?.[1]
}

interface PercentParts {
  readonly flags: string
  readonly width: string
  readonly precision: string | undefined
  readonly kind: string
}

function layoutOf({ flags, width, precision, kind }: PercentParts): Layout {
  const isLeft = flags.includes('-')
  const isZero = flags.includes('0') && !isLeft && kind !== 's'
  const [sign = ''] = /[+ ]/.exec(flags) ?? []
  return {
    fill: isZero ? '0' : ' ',
    align: isLeft ? '<' : isZero ? '=' : '>',
    sign,
    isAlternate: flags.includes('#'),
    groups: '',
    width: Number(width),
    precision: precision === undefined ? undefined : Number(precision),
    kind: kind === 'i' || kind === 'u' ? 'd' : kind,
  }
}

/** The places of Python's newer way of formatting, and its doubled braces. */
const braceForm = /\{\{|\}\}|\{(\w*)(?::([^{}]*))?\}/g

const braceLayout =
  /^(?:(.)?([<>=^]))?([-+ ]?)(#?)(0?)(\d{0,6})([,_]?)(?:\.(\d{1,3}))?([a-zA-Z%]?)$/su

/** `form.format(…)`, without attributes and items of what is formatted. @throws TemplateError for any other form. */
export function braceFormat(
  form: string,
  named: (name: string | number) => unknown,
  rendering: Rendering,
): string {
  let next = 0
  const text = form.replace(braceForm, (place, name?: string, layout = '') => {
    if (name === undefined) return place.charAt(0)
    const value = named(name === '' ? next++ : /^\d+$/.test(name) ? Number(name) : name)
    return laidOut(value, braceLayoutOf(layout, value), rendering)
  })
  rendering.room(text.length)
  return text
}

function braceLayoutOf(text: string, value: unknown): Layout {
  const parts = braceLayout.exec(text)
  if (parts === null)
    throw new TemplateError(`expected a format such as .1f, got ${JSON.stringify(text)}`)
  const [, fill, align, sign = '', alternate, zero, width, groups = '', precision, kind = ''] =
    parts
  const isNumber = numberIn(value) !== undefined && typeof value !== 'boolean'
  const digits = precision === undefined ? undefined : Number(precision)
  return {
    fill: fill ?? (zero ? '0' : ' '),
    align: align ?? (zero ? '=' : isNumber ? '>' : '<'),
    sign,
    isAlternate: alternate !== '',
    groups,
    width: Number(width),
    precision: digits,
    kind: kind || kindFor(value, digits),
  }
}

/** How a value is written where its format does not say. */
function kindFor(value: unknown, digits: number | undefined): string {
  if (typeof value === 'boolean' || numberIn(value) === undefined) return 's'
  if (!isFloat(value)) return 'd'
  return digits === undefined ? '' : 'g'
}

function laidOut(value: unknown, layout: Layout, rendering: Rendering): string {
  rendering.room(layout.width + (layout.precision ?? 0))
  const isText = layout.kind === 's' || layout.kind === 'r' || layout.kind === ''
  const body = isText ? textBody(value, layout, rendering) : numberBody(asNumber(value), layout)
  const missing = ' '.repeat(Math.max(0, layout.width - body.length)).replaceAll(' ', layout.fill)
  switch (layout.align) {
    case '<':
      return body + missing
    case '^':
      return (
        missing.slice(0, missing.length / 2) +
        body +
        missing.slice(0, Math.ceil(missing.length / 2))
      )
    case '=':
      return body.replace(/^[-+ ]?(?:0[xob])?/i, (sign) => sign + missing)
    default:
      return missing + body
  }
}

function textBody(value: unknown, { kind, precision }: Layout, rendering: Rendering): string {
  const text = kind === 'r' ? repr(value, rendering) : str(value, rendering)
  return kind === '' ? text : text.slice(0, precision)
}

function numberBody(value: number, layout: Layout): string {
  const magnitude = magnitudeText(Math.abs(value), layout)
  const grouped = layout.groups === '' ? magnitude : withGroups(magnitude, layout.groups)
  const isNegative = value < 0 || Object.is(value, -0)
  return `${isNegative ? '-' : layout.sign === '-' ? '' : layout.sign}${grouped}`
}

function withGroups(text: string, separator: string): string {
  const [whole = '', ...behind] = text.split('.')
  const first = whole.length % 3 || 3
  const groups = [whole.slice(0, first), ...(whole.slice(first).match(/.{3}/g) ?? [])]
  return [groups.join(separator), ...behind].join('.')
}

function magnitudeText(value: number, { kind, precision = 6, isAlternate }: Layout): string {
  switch (kind) {
    case 'd':
      return wholeText(Math.trunc(value))
    case 'x':
    case 'X':
    case 'o':
    case 'b': {
      const digits = Math.trunc(value).toString(kind === 'o' ? 8 : kind === 'b' ? 2 : 16)
      const text = isAlternate ? `0${kind.toLowerCase()}${digits}` : digits
      return kind === 'X' ? text.toUpperCase() : text
    }
    case 'f':
    case 'F':
      return fixedText(value, Math.min(precision, 40))
    case '%':
      return `${fixedText(value * 100, Math.min(precision, 40))}%`
    case 'e':
    case 'E':
      return inCase(withExponent(value.toExponential(Math.min(precision, 40))), kind)
    case 'g':
    case 'G':
      return inCase(generalText(value, Math.min(precision, 40) || 1), kind)
    default:
      throw new TemplateError(`expected a format such as d, f, x or s, got ${JSON.stringify(kind)}`)
  }
}

function inCase(text: string, kind: string): string {
  return kind === kind.toUpperCase() ? text.toUpperCase() : text
}

/** As many digits as asked for, none that is a zero at the end. */
function generalText(value: number, digits: number): string {
  if (value === 0 || !Number.isFinite(value)) return value === 0 ? '0' : floatText(value)
  const exponent = Number(value.toExponential(digits - 1).split('e')[1])
  if (exponent >= -4 && exponent < digits) return withoutZeros(value.toFixed(digits - 1 - exponent))
  const [mantissa = '', power = ''] = value.toExponential(digits - 1).split('e')
  return withExponent(`${withoutZeros(mantissa)}e${power}`)
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/0{0,60}$/, '').replace(/\.$/, '') : text
}
