import { isRecord } from '../../core/json.ts'
import { isFitText } from '../../core/topic.ts'

/** What one report says of one quantity. */
export interface Quantity {
  /** Field by field, as `energy.power`; a dot and a backslash inside of a field's name have a backslash in front. */
  readonly quantity: string
  /** What a hub before 0.2 called it, if that is another name. */
  readonly formerly: string | undefined
  /** A finite number, or whether something is so. */
  readonly value: number | boolean
  unit: string | undefined
}

/** What a report is called that is one bare value. */
const bare = 'value'

/** A report may have so many; the rest is left out. */
const mostQuantities = 64
/** In objects inside of objects, as `energy.power`. */
const deepest = 4
const longestName = 128
const longestUnit = 32
/** What has a meaning of its own in the name of a quantity. */
const special = /[.\\]/g

/**
 * The numbers and booleans of a report: the fields of an object, as they are or as `[value, unit]`, or a
 * bare value. Whatever else it has is left out.
 */
export function quantitiesIn(value: unknown): Quantity[] {
  const found: Quantity[] = []
  collect(value, { name: bare, plain: bare, depth: 0 }, found)
  return found
}

/** Where something stands inside a report. */
interface Place {
  readonly name: string
  /** The same with nothing escaped, so that `{"a.b":1}` and `{"a":{"b":1}}` are the same. */
  readonly plain: string
  readonly depth: number
}

function collect(value: unknown, place: Place, found: Quantity[]): void {
  if (found.length === mostQuantities) return
  if (!isRecord(value)) {
    const quantity = readQuantity(value, place)
    if (quantity !== undefined) found.push(quantity)
    return
  }
  if (place.depth === deepest) return
  for (const key of Object.keys(value)) collect(value[key], placeIn(place, key), found)
}

function placeIn({ name, plain, depth }: Place, key: string): Place {
  const own = escaped(key)
  // A report that is one bare value has that name.
  if (depth === 0) return { name: key === bare ? `\\${bare}` : own, plain: key, depth: 1 }
  const inner = `${name}.${own}`
  const isPlain = name === plain && own === key
  return { name: inner, plain: isPlain ? inner : `${plain}.${key}`, depth: depth + 1 }
}

/** Most names have nothing in them, which is found sooner without a pattern. */
function escaped(key: string): string {
  return key.includes('.') || key.includes('\\') ? key.replace(special, '\\$&') : key
}

function readQuantity(value: unknown, { name, plain }: Place): Quantity | undefined {
  const measured = Array.isArray(value) ? readWithUnit(value) : { value, unit: undefined }
  if (measured === undefined || !isFit(plain, longestName)) return undefined
  const { value: inner, unit } = measured
  const formerly = plain === name ? undefined : plain
  // Nobody measures -0.
  if (typeof inner === 'number' && Number.isFinite(inner)) {
    return { quantity: name, formerly, value: inner + 0, unit }
  }
  return typeof inner === 'boolean' ? { quantity: name, formerly, value: inner, unit } : undefined
}

/** What is said as `[value, unit]`; something like `[1, 2]` is a list. */
function readWithUnit(list: readonly unknown[]) {
  const [value, unit] = list
  const isPair = list.length === 2 && typeof unit === 'string' && isFit(unit, longestUnit)
  return isPair ? { value, unit: unit === '' ? undefined : unit } : undefined
}

function isFit(text: string, longest: number): boolean {
  return text.length <= longest && isFitText(text)
}
