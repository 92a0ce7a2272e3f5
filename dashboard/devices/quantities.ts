/** What a report says, as people read it. */

import { currentLanguage, isWord, t } from '../words.ts'

export interface Quantity {
  /** As the history calls it: docs/history.md. */
  readonly name: string
  readonly value: number | boolean | string
  readonly unit: string | undefined
}

const deepest = 4

/** The numbers, texts, and trues and falses of a report, in its order. */
export function quantitiesOf(payload: unknown): Quantity[] {
  if (isPlain(payload)) return [{ name: 'value', value: payload, unit: undefined }]
  const found: Quantity[] = []
  collect(payload, '', found)
  return found
}

function collect(value: unknown, name: string, found: Quantity[]): void {
  const isMeasured = Array.isArray(value) && value.length === 2
  const [plain, unit] = isMeasured ? value : [value, undefined]
  if (isPlain(plain)) {
    found.push({ name, value: plain, unit: typeof unit === 'string' ? unit : undefined })
    return
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  if (name.split('.').length > deepest) return
  for (const [key, inner] of Object.entries(value)) {
    const escaped = key.replaceAll('.', '\\.')
    collect(inner, name === '' ? first(escaped) : `${name}.${escaped}`, found)
  }
}

/** A bare value is called `value`, so that a field of that name has another one. */
function first(name: string): string {
  return name === 'value' ? '\\value' : name
}

function isPlain(value: unknown): value is number | boolean | string {
  return ['number', 'boolean', 'string'].includes(typeof value)
}

/** A name that the page has a word for, such as `relative-humidity`, in the language that is spoken. */
export function labelOf(name: string): string {
  const key = `is-${name}`
  if (isWord(key)) return t(key)
  const words = name.replace(/\\/g, '').replace(/[-_]/g, ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** A number with as many digits as a person reads at a glance. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : 2
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value)
}

export function valueText(value: Quantity['value']): string {
  if (typeof value === 'number') return numberText(value)
  const word = String(value).toLowerCase()
  if (word === 'true' || word === 'on') return t('on')
  return word === 'false' || word === 'off' ? t('off') : String(value)
}

/** Units as they are sent have several spellings of one sign. */
export function unitText(unit: string | undefined): string {
  return (unit ?? '').replace('℃', '°C').replace('℉', '°F').replace(/^lux$/, 'lx')
}

/** `5 min`, in the language that is spoken. */
export function durationText(seconds: number): string {
  const [unit, size] = seconds % 3600 === 0 ? hour : seconds % 60 === 0 ? minute : second
  const options = { style: 'unit', unit, unitDisplay: 'short' } as const
  return new Intl.NumberFormat(currentLanguage(), options).format(seconds / size)
}

const hour = ['hour', 3600] as const
const minute = ['minute', 60] as const
const second = ['second', 1] as const
