/**
 * Python's values as templates meet them. JSON's stay what they are: `null` is None, an object is a dict, `undefined`
 * is what is not there. Only own data of them is ever read: `constructor` and `__proto__` are keys like any other.
 */
import type { Clock } from '../../../core/clock.ts'

/** A float that is a whole number: Python writes 20.0 and 20 apart. Every other number says itself what it is. */
export class WholeFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** A list that cannot be changed, which Python writes in other brackets. */
export class Tuple {
  readonly items: readonly unknown[]

  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

/** A dict that a template makes, whose keys are of any kind that has no parts; 1, 1.0 and true are one key. */
export class Dict {
  readonly #entries = new Map<unknown, readonly [key: unknown, value: unknown]>()

  static of(entries: Iterable<readonly [key: unknown, value: unknown]>): Dict {
    const dict = new Dict()
    for (const entry of entries) dict.#entries.set(keyOf(entry[0]), entry)
    return dict
  }

  get(key: unknown): unknown {
    return this.#entries.get(keyOf(key))?.[1]
  }

  has(key: unknown): boolean {
    return this.#entries.has(keyOf(key))
  }

  entries(): readonly (readonly [key: unknown, value: unknown])[] {
    return [...this.#entries.values()]
  }
}

/** What `namespace(…)` makes: the one thing whose parts a template may set. */
export class Namespace {
  readonly values = new Map<string, unknown>()
}

/** A point in time, or a time of so long: what `now()` and `timedelta(…)` make. */
export class Moment {
  readonly ms: number

  constructor(ms: number) {
    if (Math.abs(ms) > latestMs)
      throw new TemplateError('expected a time in the years that Python has')
    this.ms = ms
  }
}

/** The end of the year 9999, the last that Python has. */
const latestMs = 253_402_300_799_999

export class Duration {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }
}

/** Why a template has no result. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

/** So much one rendering may do, and hold in one text; no template that a device really sends needs a tenth of it. */
const mostSteps = 20_000
const mostCharacters = 65_536
const mostDepth = 40

/** One rendering: what it may still spend, and what time it is in it. */
export class Rendering {
  readonly clock: Clock
  #stepsLeft = mostSteps
  #depth = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** @throws TemplateError when more than `mostSteps` have been taken. */
  spend(steps: number): void {
    this.#stepsLeft -= steps
    if (!(this.#stepsLeft >= 0))
      throw new TemplateError(`expected at most ${mostSteps} steps, got more`)
  }

  /**
   * Asks for a text of so many characters before it is made; each 16 of them are a step.
   *
   * @throws TemplateError for more than `mostCharacters`.
   */
  room(characters: number): void {
    this.fits(characters)
    this.spend(characters / 16)
  }

  /** @throws TemplateError for a text of more than `mostCharacters`. */
  fits(characters: number): void {
    if (characters <= mostCharacters) return
    throw new TemplateError(
      `expected texts of at most ${mostCharacters} characters, got a longer one`,
    )
  }

  /** What `act` returns, one level deeper. @throws TemplateError below `mostDepth`. */
  deeper<T>(act: () => T): T {
    this.spend(1)
    if (this.#depth === mostDepth)
      throw new TemplateError(`expected at most ${mostDepth} levels, got more`)
    this.#depth++
    const result = act()
    this.#depth--
    return result
  }
}

/** `value` as a float, whether or not it is a whole number. */
export function floatOf(value: number): number | WholeFloat {
  return Number.isInteger(value) ? new WholeFloat(value) : value
}

export function isFloat(value: unknown): boolean {
  return value instanceof WholeFloat || (typeof value === 'number' && !Number.isInteger(value))
}

/** The number that `value` is, true being 1; undefined when it is none. */
export function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (value instanceof WholeFloat) return value.value
  return typeof value === 'boolean' ? Number(value) : undefined
}

/** @throws TemplateError when `value` is no number. */
export function asNumber(value: unknown): number {
  const number = numberIn(value)
  if (number === undefined) throw new TemplateError(`expected a number, got ${kindOf(value)}`)
  return number
}

/** @throws TemplateError when `value` is no text. */
export function asText(value: unknown): string {
  if (typeof value !== 'string') throw new TemplateError(`expected a text, got ${kindOf(value)}`)
  return value
}

/** The items of a list or a tuple; undefined when `value` is none. */
export function itemsIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  return value instanceof Tuple ? value.items : undefined
}

/** An object of JSON. Whatever else is an object is an instance of a class. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}

export function isDict(value: unknown): boolean {
  return value instanceof Dict || isPlain(value)
}

/** The entries of a dict; undefined when `value` is none. */
export function entriesIn(value: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (value instanceof Dict) return value.entries()
  return isPlain(value) ? Object.entries(value) : undefined
}

/** What a dict has under `key`; undefined when there is nothing. */
export function entryOf(dict: unknown, key: unknown): unknown {
  if (dict instanceof Dict) return dict.get(key)
  return typeof key === 'string' && isPlain(dict) && Object.hasOwn(dict, key)
    ? dict[key]
    : undefined
}

/** What a loop over `value` meets: items, keys, or characters. @throws TemplateError for what has no parts. */
export function elementsOf(value: unknown, rendering: Rendering): readonly unknown[] {
  const parts = itemsIn(value) ?? entriesIn(value)?.map(([key]) => key) ?? charactersIn(value)
  if (parts === undefined) throw new TemplateError(`expected a list, got ${kindOf(value)}`)
  rendering.spend(parts.length)
  return parts
}

/** Nothing is a list without items, as it is for Jinja. */
function charactersIn(value: unknown): readonly string[] | undefined {
  if (value === undefined) return []
  return typeof value === 'string' ? Array.from(value) : undefined
}

/** How many parts `value` has. @throws TemplateError when it has none. */
export function lengthOf(value: unknown, rendering: Rendering): number {
  return elementsOf(value, rendering).length
}

/** What `value` is, in words for a sentence. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'None'
  if (numberIn(value) !== undefined)
    return typeof value === 'boolean' ? 'true or false' : 'a number'
  if (typeof value === 'string') return 'a text'
  if (itemsIn(value) !== undefined) return 'a list'
  return isDict(value) ? 'a dict' : 'a time, or something else without parts'
}

/** Whether Python takes `value` for true. */
export function isTrue(value: unknown): boolean {
  if (typeof value !== 'object') return Boolean(value) || Number.isNaN(value)
  if (value === null) return false
  if (value instanceof WholeFloat) return value.value !== 0
  if (value instanceof Duration) return value.ms !== 0
  return (itemsIn(value) ?? entriesIn(value))?.length !== 0
}

/** What stands for a key of a dict: those that are equal have the same. */
function keyOf(key: unknown): unknown {
  const number = numberIn(key)
  if (number !== undefined) return number
  if (key === null || key === undefined || typeof key === 'string') return key
  throw new TemplateError(`expected a key that is a text, a number or None, got ${kindOf(key)}`)
}

export function isEqual(one: unknown, other: unknown, rendering: Rendering): boolean {
  if (one === other) return !Number.isNaN(one)
  const number = numberIn(one)
  if (number !== undefined) return number === numberIn(other)
  if (one instanceof Moment) return other instanceof Moment && one.ms === other.ms
  if (one instanceof Duration) return other instanceof Duration && one.ms === other.ms
  return rendering.deeper(() => haveEqualParts(one, other, rendering))
}

function haveEqualParts(one: unknown, other: unknown, rendering: Rendering): boolean {
  const [items, others] = [itemsIn(one), itemsIn(other)]
  if (items !== undefined && others !== undefined) {
    const isSame = (item: unknown, at: number) => isEqual(item, others[at], rendering)
    return (
      items.length === others.length &&
      Array.isArray(one) === Array.isArray(other) &&
      items.every(isSame)
    )
  }
  const [entries, otherEntries] = [entriesIn(one), entriesIn(other)]
  if (entries === undefined || entries.length !== otherEntries?.length) return false
  return entries.every(([key, value]) => isEqual(value, entryOf(other, key), rendering))
}

/**
 * Less than 0 when `one` comes before `other`, 0 when they are equal, NaN when neither can be said.
 *
 * @throws TemplateError when Python does not order the two, such as a text and a number.
 */
export function compare(one: unknown, other: unknown, rendering: Rendering): number {
  const numbers = [numberIn(one), numberIn(other)]
  if (numbers[0] !== undefined && numbers[1] !== undefined)
    return difference(numbers[0], numbers[1])
  if (typeof one === 'string' && typeof other === 'string')
    return one < other ? -1 : Number(one > other)
  if (one instanceof Moment && other instanceof Moment) return one.ms - other.ms
  if (one instanceof Duration && other instanceof Duration) return one.ms - other.ms
  const [items, others] = [itemsIn(one), itemsIn(other)]
  if (items === undefined || others === undefined) {
    throw new TemplateError(
      `expected two that can be compared, got ${kindOf(one)} and ${kindOf(other)}`,
    )
  }
  return rendering.deeper(() => compareItems(items, others, rendering))
}

/** Infinity less itself is no number, yet equal. */
function difference(one: number, other: number): number {
  return one === other ? 0 : one - other
}

function compareItems(
  items: readonly unknown[],
  others: readonly unknown[],
  rendering: Rendering,
): number {
  const at = items.findIndex(
    (item, at) => at >= others.length || !isEqual(item, others[at], rendering),
  )
  if (at === -1 || at >= others.length) return items.length - others.length
  return compare(items[at], others[at], rendering)
}

/** Whether `part` is in `whole`: an item, a key, or a piece of a text. @throws TemplateError for a whole without parts. */
export function isIn(part: unknown, whole: unknown, rendering: Rendering): boolean {
  if (typeof whole === 'string') return whole.includes(asText(part))
  if (whole instanceof Dict) return whole.has(part)
  if (isPlain(whole)) return typeof part === 'string' && Object.hasOwn(whole, part)
  return elementsOf(whole, rendering).some((each) => isEqual(each, part, rendering))
}

/** What a filter, a function, a method or a test is called with, beside the value before it. */
export class Arguments {
  readonly list: readonly unknown[]
  readonly #named: ReadonlyMap<string, unknown>

  constructor(list: readonly unknown[] = [], named: ReadonlyMap<string, unknown> = new Map()) {
    this.list = list
    this.#named = named
  }

  /** The one at this place, or of this name; undefined when it was not given. */
  at(place: number, name: string): unknown {
    return place < this.list.length ? this.list[place] : this.#named.get(name)
  }

  has(place: number, name: string): boolean {
    return place < this.list.length || this.#named.has(name)
  }

  named(): ReadonlyMap<string, unknown> {
    return this.#named
  }

  /** All but the first so many of the list. */
  after(count: number): Arguments {
    return new Arguments(this.list.slice(count), this.#named)
  }
}

/** A filter, function, method or test: what it makes of the value before it. */
export type Call = (value: unknown, given: Arguments, rendering: Rendering) => unknown

// --- names ---

/** What has a value before a template gives it one. */
const constants: ReadonlyMap<string, unknown> = new Map([
  ['pi', Math.PI],
  ['e', Math.E],
  ['tau', 2 * Math.PI],
  ['inf', Number.POSITIVE_INFINITY],
])

/** The variables that a part of a template sees. */
export class Scope {
  readonly rendering: Rendering
  readonly #outer: Scope | undefined
  readonly #given: Readonly<Record<string, unknown>>
  #own: Map<string, unknown> | undefined

  constructor(rendering: Rendering, given: Readonly<Record<string, unknown>>, outer?: Scope) {
    this.rendering = rendering
    this.#given = given
    this.#outer = outer
  }

  /** A scope within this one: what it sets is gone behind it. */
  inner(values: Iterable<readonly [string, unknown]> = []): Scope {
    const scope = new Scope(this.rendering, this.#given, this)
    scope.setAll(values)
    return scope
  }

  setAll(values: Iterable<readonly [string, unknown]>): void {
    for (const [name, value] of values) this.set(name, value)
  }

  set(name: string, value: unknown): void {
    this.#own ??= new Map()
    this.#own.set(name, value)
  }

  get(name: string): unknown {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#outer) {
      if (scope.#own?.has(name)) return scope.#own.get(name)
    }
    return Object.hasOwn(this.#given, name) ? this.#given[name] : constants.get(name)
  }
}

/** What `{% macro %}` defines. */
export class Macro {
  readonly call: (given: Arguments, rendering: Rendering) => string

  constructor(call: (given: Arguments, rendering: Rendering) => string) {
    this.call = call
  }
}
