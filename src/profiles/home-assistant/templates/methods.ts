/** What texts, dicts and lists can be asked to do: `value.split(',')`, `value_json.get('x')`. */
import { isNumber, operators } from './numbers.ts'
import { braceFormat, glued, str } from './texts.ts'
import { timeMethods } from './times.ts'
import {
  type Arguments,
  asNumber,
  asText,
  type Call,
  elementsOf,
  entriesIn,
  entryOf,
  isDict,
  isEqual,
  isFloat,
  isIn,
  itemsIn,
  kindOf,
  Moment,
  numberIn,
  type Rendering,
  TemplateError,
  Tuple,
} from './values.ts'

type TextMethod = (text: string, given: Arguments, rendering: Rendering) => unknown

const textMethods: Readonly<Record<string, TextMethod>> = {
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
  casefold: (text) => text.toLowerCase(),
  capitalize: capitalized,
  title: (text) => text.replace(/\p{L}+/gu, capitalized),
  swapcase: (text) =>
    Array.from(text, (each) => (isUpper(each) ? each.toLowerCase() : each.toUpperCase())).join(''),
  strip: (text, given) => stripped(text, given.at(0, 'chars')),
  lstrip: (text, given) => stripped(text, given.at(0, 'chars'), 'start'),
  rstrip: (text, given) => stripped(text, given.at(0, 'chars'), 'end'),
  split: (text, given) => split(text, given, false),
  rsplit: (text, given) => split(text, given, true),
  splitlines: (text) => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/)),
  partition: (text, given) => partition(text, given, false),
  rpartition: (text, given) => partition(text, given, true),
  replace: replaced,
  startswith: (text, given) => oneOf(given).some((each) => text.startsWith(each)),
  endswith: (text, given) => oneOf(given).some((each) => text.endsWith(each)),
  removeprefix: (text, given) => {
    const prefix = asText(given.at(0, 'prefix'))
    return text.startsWith(prefix) ? text.slice(prefix.length) : text
  },
  removesuffix: (text, given) => {
    const suffix = asText(given.at(0, 'suffix'))
    return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text
  },
  find: (text, given) => text.indexOf(asText(given.at(0, 'sub'))),
  rfind: (text, given) => text.lastIndexOf(asText(given.at(0, 'sub'))),
  join: (text, given, rendering) =>
    glued(elementsOf(given.at(0, 'iterable'), rendering).map(asText), text, rendering),
  format: (text, given, rendering) =>
    braceFormat(
      text,
      (name) => {
        const value = typeof name === 'number' ? given.list[name] : given.named().get(name)
        if (value === undefined) throw new TemplateError(`expected a value for {${name}}`)
        return value
      },
      rendering,
    ),
  zfill: (text, given, rendering) => {
    const width = widthOf(given, rendering)
    const [sign = '', digits = ''] = /^[+-]/.test(text)
      ? [text.charAt(0), text.slice(1)]
      : ['', text]
    return sign + digits.padStart(width - sign.length, '0')
  },
  ljust: (text, given, rendering) => text.padEnd(widthOf(given, rendering), fillOf(given)),
  rjust: (text, given, rendering) => text.padStart(widthOf(given, rendering), fillOf(given)),
  center: (text, given, rendering) => centered(text, widthOf(given, rendering), fillOf(given)),
  isdigit: (text) => /^\p{Nd}+$/u.test(text),
  isdecimal: (text) => /^\p{Nd}+$/u.test(text),
  isnumeric: (text) => /^\p{N}+$/u.test(text),
  isalpha: (text) => /^\p{L}+$/u.test(text),
  isalnum: (text) => /^[\p{L}\p{N}]+$/u.test(text),
  isspace: (text) => /^\s+$/.test(text),
  isupper: isUpper,
  islower: isLower,
}

/** Python's `str.isupper()`: all letters are capitals, and there are some. */
function isUpper(text: string): boolean {
  return text === text.toUpperCase() && text !== text.toLowerCase()
}

function isLower(text: string): boolean {
  return text === text.toLowerCase() && text !== text.toUpperCase()
}

export function capitalized(text: string): string {
  const [first = ''] = text
  return first.toUpperCase() + text.slice(first.length).toLowerCase()
}

export function centered(text: string, width: number, fill: string): string {
  const missing = Math.max(0, width - text.length)
  // Python has the larger half before it where the width is odd.
  const before = Math.floor(missing / 2) + (missing & width & 1)
  return text.padStart(text.length + before, fill).padEnd(text.length + missing, fill)
}

/** `text` without the characters of `characters` at its ends, or without white space. */
export function stripped(text: string, characters: unknown, side?: 'start' | 'end'): string {
  const set = characters === undefined || characters === null ? undefined : asText(characters)
  const isCut = (character: string) =>
    set === undefined ? /\s/.test(character) : set.includes(character)
  let [start, end] = [0, text.length]
  if (side !== 'end') while (start < end && isCut(text.charAt(start))) start++
  if (side !== 'start') while (end > start && isCut(text.charAt(end - 1))) end--
  return text.slice(start, end)
}

/** `text.replace(old, new, count)`. */
export function replaced(text: string, given: Arguments, rendering: Rendering): string {
  const [from, to] = [asText(given.at(0, 'old')), asText(given.at(1, 'new'))]
  const count = numberIn(given.at(2, 'count')) ?? -1
  const pieces = text.split(from)
  const places = from === '' ? text.length + 1 : pieces.length - 1
  const most = count < 0 ? places : Math.min(count, places)
  rendering.room(text.length + most * to.length)
  let left = most
  return text.replaceAll(from, (found) => (left-- > 0 ? to : found))
}

function split(text: string, given: Arguments, isFromEnd: boolean): string[] {
  const separator = given.at(0, 'sep') ?? null
  const most = asNumber(given.at(1, 'maxsplit') ?? -1)
  const pieces = separator === null ? text.trim().split(/\s+/) : text.split(separatorOf(separator))
  const all = separator === null && pieces[0] === '' ? [] : pieces
  if (most < 0 || all.length <= most + 1) return all
  const glue = separator === null ? ' ' : asText(separator)
  return isFromEnd
    ? [all.slice(0, all.length - most).join(glue), ...all.slice(all.length - most)]
    : [...all.slice(0, most), all.slice(most).join(glue)]
}

function separatorOf(value: unknown): string {
  const separator = asText(value)
  if (separator === '') throw new TemplateError('expected a separator, got an empty text')
  return separator
}

function partition(text: string, given: Arguments, isFromEnd: boolean): Tuple {
  const separator = separatorOf(given.at(0, 'sep'))
  const at = isFromEnd ? text.lastIndexOf(separator) : text.indexOf(separator)
  if (at === -1) return new Tuple(isFromEnd ? ['', '', text] : [text, '', ''])
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)])
}

/** One text, or a tuple of several. */
function oneOf(given: Arguments): readonly string[] {
  const first = given.at(0, 'prefix')
  return (itemsIn(first) ?? [first]).map(asText)
}

function widthOf(given: Arguments, rendering: Rendering): number {
  const width = asNumber(given.at(0, 'width'))
  rendering.room(Math.max(0, width))
  return width
}

function fillOf(given: Arguments): string {
  return asText(given.at(1, 'fillchar') ?? ' ').charAt(0)
}

const dictMethods: Readonly<Record<string, Call>> = {
  get: (dict, given) => entryOf(dict, given.at(0, 'key')) ?? given.at(1, 'default') ?? null,
  keys: (dict) => entriesIn(dict)?.map(([key]) => key),
  values: (dict) => entriesIn(dict)?.map(([, value]) => value),
  items: (dict) => entriesIn(dict)?.map((entry) => new Tuple(entry)),
}

/** `count` and `index` of a text or a list. */
const sequenceMethods: Readonly<Record<string, Call>> = {
  count: (value, given, rendering) => {
    const part = given.at(0, 'value')
    if (typeof value === 'string') return value.split(separatorOf(part)).length - 1
    return itemsIn(value)?.filter((each) => isEqual(each, part, rendering)).length
  },
  index: (value, given, rendering) => {
    const part = given.at(0, 'value')
    if (!isIn(part, value, rendering)) throw new TemplateError('expected a part that is there')
    if (typeof value === 'string') return value.indexOf(asText(part))
    return itemsIn(value)?.findIndex((each) => isEqual(each, part, rendering))
  },
}

const numberMethods: Readonly<Record<string, Call>> = {
  is_integer: (value) => Number.isInteger(numberIn(value)),
}

const tables: readonly Readonly<Record<string, unknown>>[] = [
  textMethods,
  dictMethods,
  sequenceMethods,
  numberMethods,
  timeMethods,
]

/** Whether any value can be asked for this. */
export function isMethod(name: string): boolean {
  return tables.some((table) => Object.hasOwn(table, name))
}

/** `value.name(…)`. @throws TemplateError when such a value cannot be asked for it. */
export function callMethod(name: string, value: unknown, call: MethodCall): unknown {
  const { given, rendering } = call
  rendering.spend(typeof value === 'string' ? 1 + value.length / 16 : 1)
  const method = methodOf(name, value)
  const result = method?.(value, given, rendering)
  if (result !== undefined) return result
  throw new TemplateError(`expected a value that has ${name}(), got ${kindOf(value)}`)
}

/** With what a method is called, and in which rendering. */
interface MethodCall {
  readonly given: Arguments
  readonly rendering: Rendering
}

function methodOf(name: string, value: unknown): Call | undefined {
  if (typeof value === 'string' && Object.hasOwn(textMethods, name)) {
    return (_, given, rendering) => textMethods[name]?.(value, given, rendering)
  }
  const table = entriesIn(value) !== undefined ? dictMethods : tableOf(value)
  return Object.hasOwn(table, name) ? table[name] : undefined
}

function tableOf(value: unknown): Readonly<Record<string, Call>> {
  if (typeof value === 'string' || itemsIn(value) !== undefined) return sequenceMethods
  return numberIn(value) === undefined ? timeMethods : numberMethods
}

// --- what `is` asks ---

/** A test by an operator, which has several names. */
function byOperator(sign: string, names: readonly string[]): [string, Call][] {
  const test: Call = (value, given, rendering) =>
    operators[sign]?.(value, given.at(0, 'other'), rendering)
  return [sign, ...names].map((name) => [name, test])
}

/** Every test, by its name. */
export const tests: ReadonlyMap<string, Call> = new Map<string, Call>([
  ...byOperator('==', ['eq', 'equalto', 'sameas']),
  ...byOperator('!=', ['ne']),
  ...byOperator('<', ['lt', 'lessthan']),
  ...byOperator('<=', ['le']),
  ...byOperator('>', ['gt', 'greaterthan']),
  ...byOperator('>=', ['ge']),
  ...byOperator('in', []),
  ['defined', (value) => value !== undefined],
  ['undefined', (value) => value === undefined],
  ['none', (value) => value === null],
  ['number', (value) => numberIn(value) !== undefined],
  ['integer', (value) => typeof value === 'number' && !isFloat(value)],
  ['float', isFloat],
  ['string', (value) => typeof value === 'string'],
  ['boolean', (value) => typeof value === 'boolean'],
  ['true', (value) => value === true],
  ['false', (value) => value === false],
  ['mapping', isDict],
  [
    'sequence',
    (value) => typeof value === 'string' || itemsIn(value) !== undefined || isDict(value),
  ],
  [
    'iterable',
    (value) => typeof value === 'string' || itemsIn(value) !== undefined || isDict(value),
  ],
  ['list', (value) => Array.isArray(value)],
  ['tuple', (value) => value instanceof Tuple],
  ['datetime', (value) => value instanceof Moment],
  ['is_number', isNumber],
  ['even', (value) => asNumber(value) % 2 === 0],
  ['odd', (value) => Math.abs(asNumber(value) % 2) === 1],
  ['divisibleby', (value, given) => asNumber(value) % asNumber(given.at(0, 'num')) === 0],
  ['lower', (value, _given, rendering) => isLower(str(value, rendering))],
  ['upper', (value, _given, rendering) => isUpper(str(value, rendering))],
  ['contains', (value, given, rendering) => isIn(given.at(0, 'value'), value, rendering)],
])
