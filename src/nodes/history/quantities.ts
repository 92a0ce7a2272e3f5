import { isRecord } from '../../core/record.ts'
import { isFitText } from '../../core/topic.ts'

/** What one report says of one quantity. */
export interface Quantity {
  readonly quantity: string
  /** A finite number, or whether something is so. */
  readonly value: number | boolean
  readonly unit: string | undefined
}

/** What a report is called that is one bare value. */
const bare = 'value'

/** A report may have so many; the rest is left out. */
const mostQuantities = 64
/** In objects inside of objects, as `energy.power`. */
const deepest = 4
const longestName = 128
const longestUnit = 32

/**
 * The numbers and booleans of a report: the fields of an object, as they are or as `[value, unit]`, or a
 * bare value. Whatever else it has is left out.
 */
export function quantitiesIn(value: unknown): Quantity[] {
  const found: Quantity[] = []
  collect(value, { name: '', depth: 0 }, found)
  return found
}

/** Where something stands inside a report. */
interface Place {
  readonly name: string
  readonly depth: number
}

function collect(value: unknown, { name, depth }: Place, found: Quantity[]): void {
  if (found.length === mostQuantities) return
  if (!isRecord(value)) {
    const quantity = readQuantity(value, depth === 0 ? bare : name)
    if (quantity !== undefined) found.push(quantity)
    return
  }
  if (depth === deepest) return
  for (const key of Object.keys(value)) {
    collect(value[key], { name: depth === 0 ? key : `${name}.${key}`, depth: depth + 1 }, found)
  }
}

function readQuantity(value: unknown, quantity: string): Quantity | undefined {
  const measured = Array.isArray(value) ? readWithUnit(value) : { value, unit: undefined }
  if (measured === undefined || !isFit(quantity, longestName)) return undefined
  const { value: inner, unit } = measured
  // Nobody measures -0.
  if (typeof inner === 'number' && Number.isFinite(inner))
    return { quantity, value: inner + 0, unit }
  return typeof inner === 'boolean' ? { quantity, value: inner, unit } : undefined
}

/** What is said as `[value, unit]`; something like `[1, 2]` is a list. */
function readWithUnit(list: readonly unknown[]) {
  const [value, unit] = list
  const isPair = list.length === 2 && typeof unit === 'string' && isFit(unit, longestUnit)
  return isPair ? { value, unit } : undefined
}

function isFit(text: string, longest: number): boolean {
  return text.length <= longest && isFitText(text)
}
