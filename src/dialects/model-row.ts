/**
 * What a quantity of a device is to the languages of other systems: a row of the table (`model-table.ts`), and the only
 * place where it is decided what the value of one means.
 */
import { isRecord } from '../core/json.ts'

/**
 * What a report holds under a key: `[value, unit]`, a number, a boolean, one of some words, a count of events, an event
 * by its name, a text, or nothing that is ever told.
 */
export type Form =
  | 'measured'
  | 'number'
  | 'switch'
  | 'choice'
  | 'events'
  | 'event'
  | 'text'
  | 'press'

export interface ModelRow {
  /** The last level but one of a device's topic; empty of what any device may tell. */
  readonly kind: string
  readonly key: string
  readonly form: Form
  /** Its own for ever: clients of other systems know it by the number that is made of this and of its device's. */
  readonly slot: number
  /** What it is called, in English. */
  readonly title: string
  /** What its value is told in; what is reported in another unit is converted. */
  readonly unit?: string
  /** The words of a choice. */
  readonly choices?: readonly string[]
  /** Of a choice: which words say on, and what asks for on and for off; else only `off` says off. */
  readonly positions?: Positions
  /** Not every device of the kind has it: only one that has reported it. */
  readonly isOptional?: true
  /** Whether it can be commanded: under the same key. */
  readonly isCommanded?: true
  readonly deconz?: DeconzColumn
  readonly jeedom: JeedomColumn
  readonly netzer?: NetzerColumn
}

interface Positions {
  readonly says: readonly string[]
  readonly on: string
  readonly off: string
}

export interface DeconzColumn {
  readonly resource: 'lights' | 'sensors'
  /** The `type` of the resource. */
  readonly type: string
  /** The ZigBee cluster at the end of its `uniqueid`: four hexadecimal digits; lights have none. */
  readonly cluster?: string
  /** The name of the value in its `state`. */
  readonly item: string
  /** From our unit to theirs, in whole numbers. */
  toTheirs?(value: number): number
}

export interface JeedomColumn {
  /** What an info command of this quantity says of itself; none of what is only pressed. */
  readonly subType?: 'numeric' | 'binary' | 'string'
  readonly genericType: string
  readonly unit?: string
  /** Generic types of the action commands. */
  readonly actions?: readonly JeedomAction[]
  /** The key among the summaries of objects, and what is made of several values. */
  readonly summary?: { readonly key: string; readonly of: 'average' | 'switched-on' | 'sum' }
}

export interface JeedomAction {
  readonly name: string
  readonly subType: 'other' | 'slider' | 'select' | 'message' | 'color'
  readonly genericType: string
  /** What it commands under the key of the row; without it, what the caller chose. */
  readonly asks?: unknown
  /** Of a slider. */
  readonly range?: readonly [lowest: number, highest: number]
}

export interface NetzerColumn {
  /** A pin that is 0 or 1, or one that reads 0 to 1023 between these two values. */
  readonly pin: 'digital' | { readonly lowest: number; readonly highest: number }
  /** The pins that only such devices get, unless the configuration says otherwise; the others share the rest. */
  readonly places: string
}

type Shown = number | boolean | string

/** What a report says of the quantity of a row, in its unit; undefined when it says nothing that makes sense. */
export function readQuantity({ key, form, unit }: ModelRow, report: unknown): Shown | undefined {
  if (!isRecord(report) || !Object.hasOwn(report, key)) return undefined
  const told = report[key]
  // A reading of what is so or not is told as what is measured: `[true, null]`.
  const [value, toldUnit] = Array.isArray(told) ? told : [told]
  switch (form) {
    case 'measured':
      return Array.isArray(told) ? converted(finite(value), toldUnit, unit) : undefined
    case 'number':
      return converted(finite(value), toldUnit, unit)
    case 'events':
      return finite(value)
    case 'switch':
      return typeof value === 'boolean' ? value : undefined
    case 'choice':
    case 'event':
    case 'text':
      return typeof value === 'string' ? value : undefined
    case 'press':
      return undefined
  }
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** From one unit to another: `value * factor + offset`. */
const conversions: Readonly<Record<string, readonly [factor: number, offset: number]>> = {
  '°F ℃': [5 / 9, -160 / 9],
  '℉ ℃': [5 / 9, -160 / 9],
  'K ℃': [1, -273.15],
  'Pa kPa': [0.001, 0],
  'hPa kPa': [0.1, 0],
  'mbar kPa': [0.1, 0],
  'kW W': [1000, 0],
  'kWh Wh': [1000, 0],
  'MWh Wh': [1_000_000, 0],
  'Wmin Wh': [1 / 60, 0],
  'mA A': [0.001, 0],
  'mV V': [0.001, 0],
  'ppb ppm': [0.001, 0],
}

/** What is told in a unit that nobody converts stays as it is. */
function converted(value: number | undefined, from: unknown, to: string | undefined) {
  const conversion = conversions[`${from} ${to}`]
  if (value === undefined || conversion === undefined) return value
  const [factor, offset] = conversion
  return Number((value * factor + offset).toPrecision(12))
}

/** Whether a value means that something is on, locked, open, or more than nothing. */
export function isOn({ positions }: Pick<ModelRow, 'positions'>, value: Shown): boolean {
  if (typeof value === 'string') return positions ? positions.says.includes(value) : value !== 'off'
  return typeof value === 'number' ? value > 0 : value
}

/** What is asked, under the key of the row, of a device that is to be on, or off; undefined of what has no such thing. */
export function askFor(
  { form, isCommanded, positions }: ModelRow,
  isOn: boolean,
): boolean | string | undefined {
  if (!isCommanded) return undefined
  if (form === 'switch') return isOn
  if (form !== 'choice') return undefined
  return isOn ? (positions?.on ?? 'on') : (positions?.off ?? 'off')
}

/** The words that a quantity may be; none where it is no choice. */
export function choicesOf({ choices = [] }: Pick<ModelRow, 'choices'>): readonly string[] {
  return choices
}

interface Called {
  readonly name: string
  readonly kind: string
  readonly title?: string
}

/**
 * What people call a device, or what it calls itself; without either, what it is called by its kind and address, such as
 * `Relay i2c0-3b`. What it tells besides what it is has the title of the row behind that.
 */
export function givenName(
  { name, kind, title: called }: Called,
  { title, kind: kindOfRow }: ModelRow,
): string {
  if (called !== undefined) return kindOfRow === '' ? `${called} ${title}` : called
  const address = name.slice(name.lastIndexOf('/') + 1)
  const isAlone = address === '-' || address === '' || name === kind
  return isAlone ? title : `${title} ${address}`
}
