/** The filters, tests and functions of templates: Jinja's, and those that Home Assistant adds. */
import { parseJson } from '../../../core/json.ts'
import { capitalized, centered, replaced, stripped, tests } from './methods.ts'
import { numberFilters, operators, partOf, range } from './numbers.ts'
import { glued, jsonText, percentFormat, pythonJson, str } from './texts.ts'
import { timeFilters, timeFunctions } from './times.ts'
import {
  Arguments,
  asNumber,
  asText,
  type Call,
  compare,
  Dict,
  elementsOf,
  entriesIn,
  isEqual,
  isIn,
  isTrue,
  itemsIn,
  kindOf,
  lengthOf,
  Namespace,
  type Rendering,
  TemplateError,
  Tuple,
} from './values.ts'

/** A filter of texts: whatever comes is one, as Python writes it. */
function textFilter(act: (text: string, given: Arguments, rendering: Rendering) => unknown): Call {
  return (value, given, rendering) => act(str(value, rendering), given, rendering)
}

const textFilters: Readonly<Record<string, Call>> = {
  string: textFilter((text) => text),
  safe: (value) => value,
  lower: textFilter((text) => text.toLowerCase()),
  upper: textFilter((text) => text.toUpperCase()),
  capitalize: textFilter(capitalized),
  title: textFilter((text) => text.replace(/[^-\s({[<]+/g, capitalized)),
  trim: textFilter((text, given) => stripped(text, given.at(0, 'chars'))),
  replace: textFilter((text, given, rendering) => {
    const [from, to] = [str(given.at(0, 'old'), rendering), str(given.at(1, 'new'), rendering)]
    return replaced(text, new Arguments([from, to, given.at(2, 'count')]), rendering)
  }),
  truncate: textFilter(truncated),
  wordcount: textFilter((text) => text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  urlencode: textFilter((text) => encodeURIComponent(text.toWellFormed()).replaceAll('%2F', '/')),
  center: textFilter((text, given, rendering) => {
    const width = asNumber(given.at(0, 'width') ?? 80)
    rendering.room(Math.max(0, width))
    return centered(text, width, ' ')
  }),
  indent: textFilter((text, given, rendering) => {
    const width = given.at(0, 'width') ?? 4
    const prefix =
      typeof width === 'string' ? width : str(operators['*']?.(' ', width, rendering), rendering)
    const lines = text.split('\n')
    rendering.room(text.length + lines.length * prefix.length)
    const isFirst = isTrue(given.at(1, 'first'))
    return lines
      .map((line, at) => ((at > 0 ? line !== '' : isFirst) ? prefix + line : line))
      .join('\n')
  }),
  ord: textFilter((text) => text.codePointAt(0)),
  slugify: textFilter((text, given) => slugOf(text, asText(given.at(0, 'separator') ?? '_'))),
  base64_encode: textFilter((text) => Buffer.from(text).toString('base64')),
  base64_decode: textFilter((text) => Buffer.from(text, 'base64').toString()),
  format: (value, given, rendering) => {
    const named = Dict.of(given.named())
    const values = given.list.length > 0 ? new Tuple(given.list) : named
    return percentFormat(asText(value), values, rendering)
  },
}

function slugOf(text: string, separator: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  return plain.match(/[a-z0-9]+/g)?.join(separator) ?? ''
}

function truncated(text: string, given: Arguments, rendering: Rendering): string {
  const length = asNumber(given.at(0, 'length') ?? 255)
  const end = asText(given.at(2, 'end') ?? '...')
  const leeway = asNumber(given.at(3, 'leeway') ?? 5)
  const characters = elementsOf(text, rendering)
  if (characters.length <= length + leeway) return text
  const kept = characters.slice(0, Math.max(0, length - end.length)).join('')
  if (isTrue(given.at(1, 'killwords'))) return kept + end
  const space = kept.lastIndexOf(' ')
  return (space === -1 ? kept : kept.slice(0, space)) + end
}

const plainFilters: Readonly<Record<string, Call>> = {
  default: defaulted,
  d: defaulted,
  is_defined: (value) => {
    if (value === undefined) throw new TemplateError('expected a value, got nothing')
    return value
  },
  iif: (value, given) => {
    if (value === null && given.has(2, 'if_none')) return given.at(2, 'if_none')
    const place = isTrue(value) ? 0 : 1
    const name = isTrue(value) ? 'if_true' : 'if_false'
    return given.has(place, name) ? given.at(place, name) : isTrue(value)
  },
  to_json: toJson,
  tojson: toJson,
  from_json: (value, given) => {
    const text = asText(value)
    const read = parseJson(text)
    if (read !== undefined) return pythonJson(text, read)
    if (given.has(0, 'default')) return given.at(0, 'default')
    throw new TemplateError('expected JSON, got another text')
  },
}

function defaulted(value: unknown, given: Arguments): unknown {
  const isLeftOut = isTrue(given.at(1, 'boolean')) ? !isTrue(value) : value === undefined
  return isLeftOut ? (given.at(0, 'default_value') ?? '') : value
}

function toJson(value: unknown, given: Arguments, rendering: Rendering): string {
  const isSorted = isTrue(given.at(2, 'sort_keys'))
  const entries = isSorted
    ? entriesIn(value)?.toSorted(([one], [other]) => compare(one, other, rendering))
    : undefined
  const text = jsonText(entries === undefined ? value : Dict.of(entries), rendering)
  if (!isTrue(given.at(1, 'pretty_print'))) return text
  const pretty = JSON.stringify(JSON.parse(text), null, 2)
  rendering.room(pretty.length)
  return pretty
}

/** A filter of what has parts. */
function partsFilter(
  act: (parts: readonly unknown[], given: Arguments, rendering: Rendering) => unknown,
): Call {
  return (value, given, rendering) => act(elementsOf(value, rendering), given, rendering)
}

const listFilters: Readonly<Record<string, Call>> = {
  list: partsFilter((parts) => [...parts]),
  length: (value, _given, rendering) => lengthOf(value, rendering),
  count: (value, _given, rendering) => lengthOf(value, rendering),
  first: partsFilter((parts) => parts[0]),
  last: partsFilter((parts) => parts.at(-1)),
  reverse: (value, _given, rendering) => {
    const parts = elementsOf(value, rendering).toReversed()
    return typeof value === 'string' ? parts.join('') : parts
  },
  join: partsFilter((parts, given, rendering) => {
    const texts = attributesOf(parts, given.at(1, 'attribute')).map((part) => str(part, rendering))
    return glued(texts, str(given.at(0, 'd') ?? '', rendering), rendering)
  }),
  min: extreme(1),
  max: extreme(-1),
  sum: partsFilter((parts, given, rendering) => {
    const start = given.at(1, 'start') ?? 0
    const add = (sum: unknown, part: unknown) => operators['+']?.(sum, part, rendering)
    return attributesOf(parts, given.at(0, 'attribute')).reduce(add, start)
  }),
  sort: partsFilter(sorted),
  unique: partsFilter((parts, given, rendering) => {
    const key = sortKey(given.at(1, 'attribute'), isTrue(given.at(0, 'case_sensitive')))
    return parts.filter((part, at) => {
      rendering.spend(at)
      return parts.findIndex((each) => isEqual(key(each), key(part), rendering)) === at
    })
  }),
  dictsort: (value, given, rendering) => sortedEntries(value, given, rendering),
  items: (value) => (value === undefined ? [] : pairsOf(value)),
  batch: partsFilter((parts, given, rendering) => {
    const size = Math.max(1, asNumber(given.at(0, 'linecount')))
    rendering.spend(size)
    const count = Math.ceil(parts.length / size)
    const rows = Array.from({ length: count }, (_, at) => parts.slice(at * size, (at + 1) * size))
    const fill = given.at(1, 'fill_with')
    if (fill === undefined || fill === null) return rows
    return rows.map((row) => [...row, ...Array.from({ length: size - row.length }, () => fill)])
  }),
  slice: partsFilter((parts, given, rendering) => {
    const count = Math.max(1, asNumber(given.at(0, 'slices')))
    rendering.spend(count)
    const [size, longer] = [Math.floor(parts.length / count), parts.length % count]
    const start = (at: number) => at * size + Math.min(at, longer)
    return Array.from({ length: count }, (_, at) => parts.slice(start(at), start(at + 1)))
  }),
  flatten: partsFilter((parts) => parts.flatMap((part) => itemsIn(part) ?? [part])),
  contains: (value, given, rendering) => isIn(given.at(0, 'value'), value, rendering),
  map: partsFilter(mapped),
  select: partsFilter((parts, given, rendering) =>
    chosen(parts, { given, rendering, isKept: true }),
  ),
  reject: partsFilter((parts, given, rendering) =>
    chosen(parts, { given, rendering, isKept: false }),
  ),
  selectattr: partsFilter((parts, given, rendering) =>
    chosen(parts, { given, rendering, isKept: true, attribute: given.at(0, 'attribute') }),
  ),
  rejectattr: partsFilter((parts, given, rendering) =>
    chosen(parts, { given, rendering, isKept: false, attribute: given.at(0, 'attribute') }),
  ),
}

/** What `attribute` names of each part: a name, a number, or several with points between; all of it where none is. */
function attributesOf(parts: readonly unknown[], attribute: unknown): readonly unknown[] {
  return attribute === undefined || attribute === null
    ? parts
    : parts.map((part) => attributeOf(part, attribute))
}

function attributeOf(value: unknown, attribute: unknown): unknown {
  if (typeof attribute === 'number') return partOf(value, attribute)
  const names = asText(attribute).split('.')
  return names.reduce((part, name) => partOf(part, /^\d+$/.test(name) ? Number(name) : name), value)
}

/** By what parts are ordered: letters count alike unless they shall not. */
function sortKey(attribute: unknown, isCaseSensitive: boolean): (part: unknown) => unknown {
  return (part) => {
    const [key] = attributesOf([part], attribute)
    return typeof key === 'string' && !isCaseSensitive ? key.toLowerCase() : key
  }
}

/** By which of two parts an extreme is, and whether letters count alike: the options of `min` and `max`. */
function extreme(sign: 1 | -1): Call {
  return (value, given, rendering) => {
    const key = sortKey(given.at(1, 'attribute'), isTrue(given.at(0, 'case_sensitive')))
    const [first, ...others] = elementsOf(value, rendering)
    return others.reduce((best, part) => {
      return sign * compare(key(part), key(best), rendering) < 0 ? part : best
    }, first)
  }
}

function pairsOf(value: unknown): readonly Tuple[] {
  const entries = entriesIn(value)
  if (entries === undefined) throw new TemplateError(`expected a dict, got ${kindOf(value)}`)
  return entries.map((entry) => new Tuple(entry))
}

function sorted(parts: readonly unknown[], given: Arguments, rendering: Rendering): unknown {
  const key = sortKey(given.at(2, 'attribute'), isTrue(given.at(1, 'case_sensitive')))
  const sign = isTrue(given.at(0, 'reverse')) ? -1 : 1
  return parts.toSorted((one, other) => {
    rendering.spend(1)
    return sign * compare(key(one), key(other), rendering)
  })
}

/** The entries of a dict as pairs, in order. */
function sortedEntries(value: unknown, given: Arguments, rendering: Rendering): unknown {
  const options = new Map<string, unknown>([
    ['attribute', given.at(1, 'by') === 'value' ? 1 : 0],
    ['reverse', given.at(2, 'reverse')],
    ['case_sensitive', given.at(0, 'case_sensitive')],
  ])
  return sorted(pairsOf(value), new Arguments([], options), rendering)
}

function mapped(parts: readonly unknown[], given: Arguments, rendering: Rendering): unknown {
  const attribute = given.at(Number.POSITIVE_INFINITY, 'attribute')
  if (attribute !== undefined) {
    const fallback = given.at(Number.POSITIVE_INFINITY, 'default')
    return attributesOf(parts, attribute).map((value) => value ?? fallback)
  }
  const filter = callNamed(filters, asText(given.at(0, 'filter')), 'filter')
  return parts.map((part) => filter(part, given.after(1), rendering))
}

interface Choice {
  readonly given: Arguments
  readonly rendering: Rendering
  readonly isKept: boolean
  readonly attribute?: unknown
}

/** Those parts that pass the test which is named, or are true where none is. */
function chosen(
  parts: readonly unknown[],
  { given, rendering, isKept, attribute }: Choice,
): unknown {
  const args = attribute === undefined ? given : given.after(1)
  const test = args.has(0, 'test') ? callNamed(tests, asText(args.at(0, 'test')), 'test') : isTrue
  const keys = attributesOf(parts, attribute)
  const rest = args.after(1)
  return parts.filter((_, at) => isTrue(test(keys[at], rest, rendering)) === isKept)
}

/** What `table` has by this name. @throws TemplateError when it has none. */
export function callNamed(table: ReadonlyMap<string, Call>, name: string, word: string): Call {
  const found = table.get(name)
  if (found === undefined)
    throw new TemplateError(`expected a ${word} that the hub knows, got ${name}`)
  return found
}

/** Every filter, by its name. */
export const filters: ReadonlyMap<string, Call> = new Map([
  ...Object.entries(textFilters),
  ...Object.entries(plainFilters),
  ...Object.entries(listFilters),
  ...Object.entries(numberFilters),
  ...Object.entries(timeFilters),
])

/** Those filters that are functions too: what comes first there is the value. */
const alsoFunctions = ['float', 'int', 'bool', 'iif', 'is_number', 'log', 'sqrt', 'sin', 'cos']
alsoFunctions.push('tan', 'asin', 'acos', 'atan', 'average', 'median', 'slugify', 'urlencode')
alsoFunctions.push('as_timestamp', 'as_datetime', 'as_local', 'timestamp_custom', 'flatten')
alsoFunctions.push('bitwise_and', 'bitwise_or', 'bitwise_xor', 'contains')

function asFunction(name: string): [string, Call] {
  const filter = callNamed(filters, name, 'filter')
  return [name, (_, given, rendering) => filter(given.at(0, 'value'), given.after(1), rendering)]
}

/** The least or greatest of a list, or of all that are given. */
function extremeOf(sign: 1 | -1): Call {
  return (_, given, rendering) => {
    const [first] = given.list
    const all = given.list.length === 1 ? first : given.list
    return extreme(sign)(all, new Arguments([true]), rendering)
  }
}

/** Every function, by its name. */
export const functions: ReadonlyMap<string, Call> = new Map<string, Call>([
  ...alsoFunctions.map(asFunction),
  ...Object.entries(timeFunctions),
  ['min', extremeOf(1)],
  ['max', extremeOf(-1)],
  ['range', (_, given, rendering) => range(given, rendering)],
  ['dict', (_, given) => Dict.of(given.named())],
  [
    'namespace',
    (_, given) => {
      const namespace = new Namespace()
      for (const [name, value] of given.named()) namespace.values.set(name, value)
      return namespace
    },
  ],
  [
    'zip',
    (_, given, rendering) => {
      const lists = given.list.map((list) => elementsOf(list, rendering))
      const length = Math.min(...lists.map((list) => list.length))
      return lists.length === 0
        ? []
        : Array.from({ length }, (_, at) => new Tuple(lists.map((list) => list[at])))
    },
  ],
])
