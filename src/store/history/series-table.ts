import { isRecord } from '../../core/record.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { lastNumberIn, seriesKey, seriesPrefix, throughKey, throughPrefix } from './keys.ts'
import type { OwnSeries, SeriesName } from './series.ts'
import type { Ledger } from './write-ahead.ts'

/** Which series there are. */
export interface SeriesTable {
  readonly size: number
  all(): Iterable<OwnSeries>
  get(id: number): OwnSeries | undefined
  find(name: SeriesName): OwnSeries | undefined
  add(name: SeriesName): OwnSeries
  /** The unit is different, or not all of its values are true or false any more. */
  change(series: OwnSeries, to: Pick<OwnSeries, 'unit' | 'isBoolean'>): void
  remove(series: OwnSeries): void
  restore(): Promise<void>
}

/** The series, whose names are noted in `ledger` as soon as they are known. */
export function createSeriesTable(ledger: Ledger, sampledLog: SampledLog): SeriesTable {
  const byId = new Map<number, OwnSeries>()
  const byTopic = new Map<string, Map<string, OwnSeries>>()
  let nextId = 1
  const put = (series: OwnSeries) => {
    byId.set(series.id, series)
    const quantities = byTopic.get(series.topic) ?? new Map<string, OwnSeries>()
    byTopic.set(series.topic, quantities.set(series.quantity, series))
    nextId = Math.max(nextId, series.id + 1)
  }
  const tellBroken = (key: string) =>
    sampledLog.warn('history-unreadable', { key }, 'the name of a series could not be read')
  return {
    get size() {
      return byId.size
    },
    all: () => byId.values(),
    get: (id) => byId.get(id),
    find: ({ topic, quantity }) => byTopic.get(topic)?.get(quantity),
    add: (name) => {
      const series = newSeries(nextId, { ...name, isBoolean: true })
      put(series)
      return series
    },
    change: (series, to) => {
      Object.assign(series, to)
      ledger.note(seriesKey(series.id), nameBytes(series))
    },
    remove: (series) => {
      const { id, topic, quantity } = series
      const quantities = byTopic.get(topic)
      quantities?.delete(quantity)
      if (quantities?.size === 0) byTopic.delete(topic)
      byId.delete(id)
      ledger.note(seriesKey(id), undefined)
      ledger.note(throughKey(id), undefined)
    },
    restore: async () => {
      for await (const [key, value] of ledger.entries(seriesPrefix)) {
        const series = namedIn(value, lastNumberIn(key))
        if (series === undefined) tellBroken(key)
        else put(series)
      }
      for await (const [key, value] of ledger.entries(throughPrefix)) {
        const series = byId.get(lastNumberIn(key))
        if (series === undefined) tellBroken(key)
        else Object.assign(series, readThrough(value))
      }
    },
  }
}

type Named = SeriesName & Pick<OwnSeries, 'isBoolean'> & { readonly unit?: string }

function newSeries(id: number, { topic, quantity, unit, isBoolean }: Named): OwnSeries {
  const nothing = { lastAt: 0, through: 0, blocks: [], moves: 0, moving: undefined }
  return { id, topic, quantity, unit, isBoolean, ...nothing }
}

function nameBytes({ topic, quantity, unit, isBoolean }: OwnSeries): Buffer {
  return Buffer.from(JSON.stringify({ topic, quantity, unit, isBoolean }))
}

function namedIn(bytes: Buffer, id: number): OwnSeries | undefined {
  const name = parsed(bytes)
  return isNamed(name) ? newSeries(id, name) : undefined
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

function isNamed(value: unknown): value is Named {
  if (!isRecord(value)) return false
  const { topic, quantity } = value
  return typeof topic === 'string' && typeof quantity === 'string'
}

/** Up to where the points of a series are in closed blocks, and when its latest one came. */
export function throughBytes({ through, lastAt }: Pick<OwnSeries, 'through' | 'lastAt'>): Buffer {
  const writer = new ByteWriter(16)
  writer.unsigned(through)
  writer.unsigned(lastAt)
  return writer.written()
}

function readThrough(bytes: Buffer): Pick<OwnSeries, 'through' | 'lastAt'> {
  const reader = new ByteReader(bytes)
  return { through: reader.unsigned(), lastAt: reader.unsigned() }
}
