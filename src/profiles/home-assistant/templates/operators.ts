/** What Python's operators do with values: arithmetic, texts and lists put together, parts taken out. */
import { percentFormat } from './formats.ts'
import { str } from './texts.ts'
import { timePartOf, timeSum } from './times.ts'
import {
  asNumber,
  compare,
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
