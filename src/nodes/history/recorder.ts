import { type DeepReadonly, isRecord } from '../../core/json.ts'
import type { Message } from '../../core/message.ts'
import { checkConfiguredFilter, isFitText } from '../../core/topic.ts'
import type { Config } from '../../generated/config.ts'
import type { History } from '../../history/history.ts'
import type { TopicRecord } from '../topic-records.ts'

/** A message on the bus, and what was recorded of it. */
export interface Recorded {
  readonly message: Message
  /** When it came, in whole milliseconds since 1970. */
  readonly at: number
  readonly quantities: readonly Quantity[]
}

type RecordedTopic = Pick<TopicRecord, 'isRecorded'> & Partial<Pick<TopicRecord, 'user'>>

/** Puts into the history what devices report. */
export interface Recorder {
  /**
   * Calls `listener` with each message from now on, in the breath in which it is recorded: whatever is in
   * the history now does not come, and whatever comes was not in it. The returned function ends that.
   */
  follow(listener: (recorded: Recorded) => void): () => void
  /** Whether anybody follows, and so waits for the next message. */
  readonly isFollowed: boolean
  /**
   * Puts into the history what a message says that came at `atMs`, by `Clock.wallMs`, if it is one to record,
   * and tells who follows.
   */
  record(message: Message, topic: RecordedTopic, atMs: number): void
}

interface RecorderOptions {
  readonly history: Pick<History, 'add' | 'promise'>
}

const nothing: readonly Quantity[] = []

export function createRecorder({ history }: RecorderOptions): Recorder {
  const listeners = new Set<(recorded: Recorded) => void>()
  const record = ({ topic, payload, qos }: Message, at: number, owner: string) => {
    const quantities = quantitiesIn(payload.value)
    // Field by field: to spread an object costs more than all the rest.
    for (const each of quantities) {
      const { quantity, formerly, value, unit } = each
      const series = history.add({ quantity, formerly, value, unit, topic, at, owner }, qos > 0)
      // What has no unit has that of the report before.
      if (series !== undefined) each.unit = series.unit
    }
    if (qos > 0 && quantities.length > 0) history.promise()
    return quantities
  }
  return {
    get isFollowed() {
      return listeners.size > 0
    },
    record: (message, { isRecorded, user = '' }, atMs) => {
      if (!isRecorded && listeners.size === 0) return
      const at = Math.max(0, Math.round(atMs))
      const quantities = isRecorded ? record(message, at, user) : nothing
      for (const listener of listeners) listener({ message, at, quantities })
    },
    follow: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

// --- quantities ---

/** What one report says of one quantity. */
interface Quantity {
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
  const read = measured && asMeasured(measured.value)
  // Most of what is no quantity is a text.
  if (measured === undefined || read === undefined || !isFit(plain, longestName)) return undefined
  const formerly = plain === name ? undefined : plain
  return { quantity: name, formerly, value: read, unit: measured.unit }
}

function asMeasured(value: unknown): number | boolean | undefined {
  if (typeof value === 'boolean') return value
  // Nobody measures -0.
  return typeof value === 'number' && Number.isFinite(value) ? value + 0 : undefined
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

// --- which topics are recorded ---

/** Which topics are recorded: those that a filter of `record` matches, and none of `ignore`. */
export type HistoryFilters = DeepReadonly<Pick<Config['history'], 'record' | 'ignore'>>

/**
 * `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` that names the first one that is no filter.
 */
export function checkHistoryFilters(filters: HistoryFilters, source: string): void {
  for (const name of ['record', 'ignore'] as const) {
    for (const [at, filter] of filters[name].entries()) {
      checkConfiguredFilter(filter, `history.${name}.${at}`, source)
    }
  }
}
