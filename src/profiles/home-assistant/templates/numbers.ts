/** What Python's operators do with values: arithmetic, texts and lists put together, parts taken out. */
import { percentFormat, rounded, str } from './texts.ts'
import { timePartOf, timeSum } from './times.ts'
import {
  type Arguments,
  asNumber,
  type Call,
  compare,
  elementsOf,
  entryOf,
  floatOf,
  isDict,
  isEqual,
  isFloat,
  isIn,
  itemsIn,
  kindOf,
  Namespace,
  numberIn,
  type Rendering,
  TemplateError,
  Tuple,
} from './values.ts'

type Operator = (one: unknown, other: unknown, rendering: Rendering) => unknown

/** Those of two values, by how they are written. */
export const operators: Readonly<Record<string, Operator>> = {
  '+': (one, other, rendering) =>
    timeSum(one, other, 1) ?? putTogether(one, other, rendering) ?? sumOf(one, other),
  '-': (one, other) =>
    timeSum(one, other, -1) ?? arithmetic(one, other, asNumber(one) - asNumber(other)),
  '*': (one, other, rendering) =>
    repeated(one, other, rendering) ??
    repeated(other, one, rendering) ??
    arithmetic(one, other, asNumber(one) * asNumber(other)),
  '/': (one, other) => floatOf(asNumber(one) / divisorOf(other)),
  '//': (one, other) => arithmetic(one, other, Math.floor(asNumber(one) / divisorOf(other))),
  '%': (one, other, rendering) => {
    if (typeof one === 'string') return percentFormat(one, other, rendering)
    const divisor = divisorOf(other)
    return arithmetic(one, other, ((asNumber(one) % divisor) + divisor) % divisor)
  },
  '**': (one, other) => {
    const power = asNumber(one) ** asNumber(other)
    return Number(numberIn(other)) < 0 ? floatOf(power) : arithmetic(one, other, power)
  },
  '~': (one, other, rendering) => {
    const [first, second] = [str(one, rendering), str(other, rendering)]
    rendering.room(first.length + second.length)
    return first + second
  },
  '==': isEqual,
  '!=': (one, other, rendering) => !isEqual(one, other, rendering),
  '<': (one, other, rendering) => compare(one, other, rendering) < 0,
  '<=': (one, other, rendering) => compare(one, other, rendering) <= 0,
  '>': (one, other, rendering) => compare(one, other, rendering) > 0,
  '>=': (one, other, rendering) => compare(one, other, rendering) >= 0,
  in: isIn,
  'not in': (one, other, rendering) => !isIn(one, other, rendering),
}

/** `value` with its sign changed. */
export function negated(value: unknown): unknown {
  return arithmetic(value, value, -asNumber(value))
}

/** `result` as a float where one of those it was made of is one. */
function arithmetic(one: unknown, other: unknown, result: number): unknown {
  return isFloat(one) || isFloat(other) ? floatOf(result) : result + 0
}

function sumOf(one: unknown, other: unknown): unknown {
  return arithmetic(one, other, asNumber(one) + asNumber(other))
}

function divisorOf(value: unknown): number {
  const divisor = asNumber(value)
  if (divisor === 0) throw new TemplateError('expected a divisor other than 0')
  return divisor
}

/** Two texts, or two lists, as one; undefined for any other two. */
function putTogether(one: unknown, other: unknown, rendering: Rendering): unknown {
  if (typeof one === 'string' && typeof other === 'string') {
    rendering.room(one.length + other.length)
    return one + other
  }
  const [items, others] = [itemsIn(one), itemsIn(other)]
  if (items === undefined || others === undefined) return undefined
  rendering.spend(items.length + others.length)
  return one instanceof Tuple ? new Tuple([...items, ...others]) : [...items, ...others]
}

/** A text or a list so many times; undefined when `value` is neither. */
function repeated(value: unknown, count: unknown, rendering: Rendering): unknown {
  const times = numberIn(count)
  if (times === undefined || isFloat(count)) return undefined
  if (typeof value === 'string') {
    rendering.room(value.length * Math.max(0, times))
    return value.repeat(Math.max(0, times))
  }
  const items = itemsIn(value)
  if (items === undefined) return undefined
  rendering.spend(items.length * Math.max(0, times))
  const all = Array.from({ length: Math.max(0, times) }, () => items).flat()
  return value instanceof Tuple ? new Tuple(all) : all
}

/**
 * `value[key]` or `value.key`: an entry, an item, a character or a part of a time; undefined where there is none.
 *
 * @throws TemplateError when `value` itself is not there.
 */
export function partOf(value: unknown, key: unknown): unknown {
  if (value === undefined) {
    throw new TemplateError(`expected a value that has ${JSON.stringify(key)}, got nothing`)
  }
  if (isDict(value)) return entryOf(value, key)
  const place = isFloat(key) ? undefined : numberIn(key)
  if (place !== undefined) return sequenceIn(value)?.at(place)
  if (value instanceof Namespace) return value.values.get(String(key))
  return timePartOf(value, key)
}

function sequenceIn(value: unknown): readonly unknown[] | undefined {
  return typeof value === 'string' ? Array.from(value) : itemsIn(value)
}

/** What stands between the brackets of `value[start:stop:step]`. */
export interface Bounds {
  readonly start: unknown
  readonly stop: unknown
  readonly step: unknown
}

/** @throws TemplateError when `value` has no order, or a bound is no whole number. */
export function sliceOf(value: unknown, bounds: Bounds, rendering: Rendering): unknown {
  const parts = sequenceIn(value)
  if (parts === undefined)
    throw new TemplateError(`expected a list or a text, got ${kindOf(value)}`)
  rendering.spend(parts.length)
  const taken = placesOf(bounds, parts.length).map((at) => parts[at])
  if (typeof value === 'string') return taken.join('')
  return value instanceof Tuple ? new Tuple(taken) : taken
}

function placesOf({ start, stop, step }: Bounds, length: number): number[] {
  const by = wholeOr(step, 1)
  if (by === 0) throw new TemplateError('expected a step other than 0')
  const [lowest, highest] = by > 0 ? [0, length] : [-1, length - 1]
  const clamped = (bound: unknown, otherwise: number) => {
    const at = wholeOr(bound, otherwise)
    const isLeftOut = bound === undefined || bound === null
    return Math.min(Math.max(at < 0 && !isLeftOut ? at + length : at, lowest), highest)
  }
  const first = clamped(start, by > 0 ? 0 : length - 1)
  const end = clamped(stop, by > 0 ? length : -1)
  const count = Math.max(0, Math.ceil((end - first) / by))
  return Array.from({ length: count }, (_, at) => first + at * by)
}

function wholeOr(value: unknown, otherwise: number): number {
  if (value === undefined || value === null) return otherwise
  if (isFloat(value)) throw new TemplateError('expected whole numbers as bounds, got another one')
  return asNumber(value)
}

// --- filters of numbers ---

/** Python's notation of a float. */
const floatForm = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i

/** The number that Python's `float()` makes of `value`; undefined when it makes none. */
function readFloat(value: unknown): number | undefined {
  if (typeof value !== 'string') return numberIn(value)
  const text = withoutUnderscores(value)
  if (floatForm.test(text)) return Number(text)
  const [, sign, word] = /^([+-]?)(inf|infinity|nan)$/i.exec(text) ?? []
  if (word === undefined) return undefined
  return word.toLowerCase() === 'nan' ? Number.NaN : Number(`${sign}Infinity`)
}

/** Python lets one stand between two digits. */
function withoutUnderscores(text: string): string {
  return text.trim().replace(/(\d)_(?=\d)/g, '$1')
}

/** What each base may have in front. */
const prefixes: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 16: '0x' }

/** The whole number that Python's `int()` makes of `value`, a text to `base`; undefined when it makes none. */
function readInt(value: unknown, base: number): number | undefined {
  const read = typeof value === 'string' ? readDigits(value, base) : undefined
  const number = read ?? readFloat(value)
  return number === undefined || !Number.isFinite(number) ? undefined : Math.trunc(number) + 0
}

function readDigits(text: string, base: number): number | undefined {
  const [, sign, body = ''] = /^([+-]?)(.+)$/.exec(withoutUnderscores(text).toLowerCase()) ?? []
  const prefix = prefixes[base] ?? ' '
  const digits = body.startsWith(prefix) ? body.slice(prefix.length) : body
  const isRead = digits !== '' && Array.from(digits).every((digit) => isDigit(digit, base))
  if (!isRead) return undefined
  return Number.parseInt(digits, base) * (sign === '-' ? -1 : 1)
}

function isDigit(character: string, base: number): boolean {
  return !Number.isNaN(Number.parseInt(character, base)) && /[0-9a-z]/.test(character)
}

/** `read`, or what was given for that case. @throws TemplateError when nothing was. */
function given(read: unknown, value: unknown, fallback: unknown): unknown {
  if (read !== undefined) return read
  if (value === undefined) throw new TemplateError('expected a value, got nothing')
  if (fallback === undefined) {
    throw new TemplateError(`expected a number, or a default for none, got ${kindOf(value)}`)
  }
  return fallback
}

function roundedTo(value: number, digits: number, method: unknown): number {
  const unit = 10 ** digits
  if (method === 'ceil') return Math.ceil(value * unit) / unit
  if (method === 'floor') return Math.floor(value * unit) / unit
  return method === 'half' ? rounded(value * 2, 0) / 2 : rounded(value, digits)
}

function round(value: unknown, args: Arguments): unknown {
  const digits = asNumber(args.at(0, 'precision') ?? 0)
  const number = readFloat(value)
  if (number === undefined) return given(undefined, value, args.at(2, 'default'))
  const result = roundedTo(number, digits, args.at(1, 'method'))
  return digits === 0 ? Math.trunc(result) + 0 : floatOf(result)
}

/** Home Assistant's words for true and false. */
const words: ReadonlyMap<unknown, boolean> = new Map([
  ...['1', 'true', 'yes', 'on', 'enable'].map((word) => [word, true] as const),
  ...['0', 'false', 'no', 'off', 'disable'].map((word) => [word, false] as const),
])

function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'string') return words.get(value.trim().toLowerCase())
  const number = numberIn(value)
  return number === undefined ? undefined : number !== 0
}

/** One that makes a float of a float, and takes a default for what is none. */
function floatFilter(act: (value: number, args: Arguments) => number, place = 0): Call {
  return (value, args) => {
    const number = readFloat(value)
    const result = number === undefined ? undefined : floatOf(act(number, args))
    return given(result, value, args.at(place, 'default'))
  }
}

function wholeFilter(act: (one: bigint, other: bigint) => bigint): Call {
  return (value, args) => {
    const [one, other] = [asNumber(value), asNumber(args.at(0, 'second_value'))]
    if (!Number.isInteger(one) || !Number.isInteger(other)) {
      throw new TemplateError('expected whole numbers, got another one')
    }
    return Number(act(BigInt(one), BigInt(other)))
  }
}

function amongNumbers(act: (sorted: readonly number[]) => number): Call {
  return (value, args, rendering) => {
    const isMany = itemsIn(value) !== undefined
    const numbers = (isMany ? elementsOf(value, rendering) : [value, ...args.list]).map(asNumber)
    if (numbers.length === 0) throw new TemplateError('expected at least one number')
    return floatOf(act(numbers.sort((one, other) => one - other)))
  }
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  return (Number(sorted[Math.ceil(middle) - 1]) + Number(sorted[Math.floor(middle)])) / 2
}

function amountOf(args: Arguments): number {
  return asNumber(args.at(0, 'amount'))
}

/** Each by its name. A text that is a number is one to most of them. */
export const numberFilters: Readonly<Record<string, Call>> = {
  float: floatFilter((value) => value),
  int: (value, args) =>
    given(readInt(value, asNumber(args.at(1, 'base') ?? 10)), value, args.at(0, 'default')),
  bool: (value, args) => given(readBoolean(value), value, args.at(0, 'default')),
  round,
  abs: (value) => {
    const magnitude = Math.abs(asNumber(value))
    return isFloat(value) ? floatOf(magnitude) : magnitude
  },
  multiply: floatFilter((value, args) => value * amountOf(args), 1),
  add: floatFilter((value, args) => value + amountOf(args), 1),
  sqrt: floatFilter(Math.sqrt),
  sin: floatFilter(Math.sin),
  cos: floatFilter(Math.cos),
  tan: floatFilter(Math.tan),
  asin: floatFilter(Math.asin),
  acos: floatFilter(Math.acos),
  atan: floatFilter(Math.atan),
  log: floatFilter((value, args) => {
    const base = args.at(0, 'base')
    return base === undefined ? Math.log(value) : Math.log(value) / Math.log(asNumber(base))
  }, 1),
  average: amongNumbers((all) => all.reduce((sum, each) => sum + each, 0) / all.length),
  median: amongNumbers(median),
  bitwise_and: wholeFilter((one, other) => one & other),
  bitwise_or: wholeFilter((one, other) => one | other),
  bitwise_xor: wholeFilter((one, other) => one ^ other),
  is_number: (value) => isNumber(value),
}

/** Home Assistant's `is_number`: whatever reads as a number that has an end. */
export function isNumber(value: unknown): boolean {
  return Number.isFinite(readFloat(value))
}

/** `range(stop)`, `range(start, stop)` or with a step, as a list. */
export function range(args: Arguments, rendering: Rendering): readonly number[] {
  const bounds = args.list.map(asNumber)
  const [start, stop = 0, step = 1] = bounds.length > 1 ? bounds : [0, ...bounds]
  if (step === 0) throw new TemplateError('expected a step other than 0')
  const count = Math.max(0, Math.ceil((stop - Number(start)) / step))
  rendering.spend(count)
  return Array.from({ length: count }, (_, at) => Number(start) + at * step)
}
