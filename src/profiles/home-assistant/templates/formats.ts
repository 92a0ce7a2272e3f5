/** Python's two ways of formatting: `'%.1f' % value` and `'{:.1f}'.format(value)`. */
import { fixedText, floatText, repr, str, wholeText, withExponent } from './texts.ts'
import {
  asNumber,
  entriesIn,
  isFloat,
  numberIn,
  type Rendering,
  TemplateError,
  Tuple,
} from './values.ts'

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
