import { ShareQuota } from '../core/equal-share.ts'
import { isRecord } from '../core/json.ts'
import { branchOf } from '../core/recency-map.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { lastNumberIn, seriesKey, seriesPrefix, throughKey, throughPrefix } from './keys.ts'
import type { Point, RawBlockWriter } from './raw-block.ts'
import type { HistoryJournal } from './write-ahead.ts'

/** A quantity of a device whose values are recorded. */
interface SeriesName {
  /** Where the device reports. */
  readonly topic: string
  /** What of its report is meant, such as `temperature`; a name of a field within has its dots escaped. */
  readonly quantity: string
}

/** The points of a quantity in one unit: one that changes its unit goes on in another series. */
export interface Series extends SeriesName {
  readonly id: number
  readonly unit: string | undefined
  /** Whether all values were true or false, which are recorded as 1 and 0. */
  readonly isBoolean: boolean
}

/** A series as the history itself keeps it. */
export interface OwnSeries extends Series {
  /** In whose share it is: an empty name where that is not known. */
  readonly owner: string
  /** What its owner has in memory. */
  readonly openShare: OpenShare
  topic: string
  quantity: string
  isBoolean: boolean
  /** False of what a hub before 0.2 has named, which did not escape dots. */
  isEscaped: boolean
  /** The time of the latest point that came. */
  lastAt: number
  /** All points with this ordinal or a lower one are in the store, outside of what is written ahead. */
  through: number
  /** What is not in closed blocks, in the order it came; only the last one grows. */
  blocks: readonly OpenBlock[]
  /** How often blocks were moved to where closed ones are. */
  moves: number
  /** Ends with the move that is under way. */
  moving: Promise<void> | undefined
}

/** The bytes of one owner's points that are not in closed blocks yet. */
export interface OpenShare {
  bytes: number
}

/** Points of one series and one hour. */
export interface OpenBlock {
  readonly id: number
  readonly series: OwnSeries
  /** When its hour begins. */
  readonly startAt: number
  readonly writer: RawBlockWriter
  /** The ordinal of its last point. */
  through: number
  /** How much of it is in the store. */
  storedLength: number
  isClosed: boolean
}

/** A point in what is written ahead. */
export interface LoggedPoint extends Point {
  readonly ordinal: number
  readonly series: number
}

/** Which series there are. */
export interface SeriesTable {
  readonly size: number
  all(): Iterable<OwnSeries>
  get(id: number): OwnSeries | undefined
  /**
   * The series that a point joins; undefined when there is none. What has no unit joins the one that was
   * joined last: a report without a unit says nothing new about it.
   */
  join(name: PointName): OwnSeries | undefined
  /** How many series a quantity has, each with another unit. */
  units(name: SeriesName): number
  /** How many owners there are. */
  readonly owners: number
  /** Whether `owner` may have one more of `topic`. */
  hasRoomFor(owner: string, topic: string): boolean
  add(name: SeriesName & Pick<OwnSeries, 'unit' | 'isBoolean' | 'owner'>): OwnSeries
  /** Whether all values are true or false has changed, or its name is from a hub before 0.2. */
  change(series: OwnSeries, isBoolean: boolean): void
  /** It is of another device from now on; what comes goes on joining the one that was there. */
  move(series: OwnSeries, topic: string): void
  remove(series: OwnSeries): void
  restore(): Promise<void>
  /** Below this number all ids of series are taken. */
  nextId(): number
  /** Ids below this one were taken already. */
  skip(id: number): void
  /** What has no unit joins this one of the series of its quantity. */
  makeCurrent(series: OwnSeries): void
}

/** Which series a point belongs to. */
export interface PointName extends SeriesName {
  readonly unit: string | undefined
  /** What a hub before 0.2 called the quantity, if that is another name. */
  readonly formerly?: string | undefined
}

interface SeriesTableOptions {
  readonly journal: HistoryJournal
  readonly sampledLog: SampledLog
  readonly limits: { readonly series: number }
}

/** The series, whose names are noted in `journal` as soon as they are known. */
export function createSeriesTable({
  journal,
  sampledLog,
  limits,
}: SeriesTableOptions): SeriesTable {
  const quota = new ShareQuota(limits.series)
  const { openShares, made } = createMaker()
  const byId = new Map<number, OwnSeries>()
  const names = createSeriesNames()
  let nextId = 1
  const put = (series: OwnSeries) => {
    byId.set(series.id, series)
    quota.count(series.owner, 1, branchOf(series.topic))
    names.put(series)
    nextId = Math.max(nextId, series.id + 1)
  }
  const take = (series: OwnSeries) => {
    names.remove(series)
    byId.delete(series.id)
    quota.count(series.owner, -1, branchOf(series.topic))
  }
  const note = (series: OwnSeries) => journal.note(seriesKey(series.id), nameBytes(series))
  const tellBroken = (key: string) =>
    sampledLog.warn('history-unreadable', { key }, 'the name of a series could not be read')
  return {
    get size() {
      return byId.size
    },
    all: () => byId.values(),
    get: (id) => byId.get(id),
    join: names.join,
    units: names.units,
    get owners() {
      return openShares.size
    },
    hasRoomFor: (owner, topic) => quota.hasRoomFor(owner, branchOf(topic)),
    add: (named) => {
      const series = made(nextId, { ...named, isEscaped: true })
      put(series)
      note(series)
      return series
    },
    change: (series, isBoolean) => {
      Object.assign(series, { isBoolean, isEscaped: true })
      note(series)
    },
    move: (series, topic) => {
      const current = names.current({ ...series, topic })
      take(series)
      series.topic = topic
      put(series)
      if (current !== undefined) names.makeCurrent(current)
      note(series)
    },
    remove: (series) => {
      take(series)
      journal.note(seriesKey(series.id), undefined)
      journal.note(throughKey(series.id), undefined)
    },
    restore: async () => {
      for await (const [key, value] of journal.entries(seriesPrefix)) {
        const name = parsed(value)
        if (isNamed(name)) put(made(lastNumberIn(key), name))
        else tellBroken(key)
      }
      for await (const [key, value] of journal.entries(throughPrefix)) {
        const series = byId.get(lastNumberIn(key))
        if (series === undefined) tellBroken(key)
        else Object.assign(series, readThrough(value))
      }
    },
    nextId: () => nextId,
    skip: (id) => {
      nextId = Math.max(nextId, id)
    },
    makeCurrent: names.makeCurrent,
  }
}

/** Makes series, each with what its owner has in memory. */
function createMaker() {
  const openShares = new Map<string, OpenShare>()
  const made = (id: number, named: Named): OwnSeries => {
    const { owner = '' } = named
    const openShare = openShares.get(owner) ?? { bytes: 0 }
    openShares.set(owner, openShare)
    return newSeries(id, named, openShare)
  }
  return { openShares, made }
}

/** The series by topic and quantity, of each quantity the one that was joined last first. */
function createSeriesNames() {
  const byTopic = new Map<string, Map<string, OwnSeries[]>>()
  const partsOf = ({ topic, quantity }: SeriesName) => byTopic.get(topic)?.get(quantity)
  const put = (series: OwnSeries) => {
    const { topic, quantity } = series
    const quantities = byTopic.get(topic) ?? new Map<string, OwnSeries[]>()
    const others = quantities.get(quantity) ?? []
    byTopic.set(topic, quantities.set(quantity, [series, ...others]))
  }
  const remove = (series: OwnSeries) => {
    const { topic, quantity } = series
    const quantities = byTopic.get(topic)
    const others = quantities?.get(quantity)?.filter((other) => other !== series)
    if (others?.length) quantities?.set(quantity, others)
    else quantities?.delete(quantity)
    if (quantities?.size === 0) byTopic.delete(topic)
  }
  /** Goes on with what a hub before 0.2 has recorded of two quantities: the first of them takes it over. */
  const renamed = ({ topic, quantity, formerly }: PointName) => {
    if (formerly === undefined) return undefined
    const [series] = byTopic.get(topic)?.get(formerly) ?? []
    if (series === undefined || series.isEscaped) return undefined
    remove(series)
    series.quantity = quantity
    put(series)
    return [series]
  }
  const makeCurrent = (series: OwnSeries) => {
    if (partsOf(series)?.[0] === series) return
    remove(series)
    put(series)
  }
  return {
    put,
    remove,
    makeCurrent,
    current: (name: SeriesName) => partsOf(name)?.[0],
    units: (name: SeriesName) => partsOf(name)?.length ?? 0,
    join: (name: PointName): OwnSeries | undefined => {
      const parts = partsOf(name) ?? renamed(name)
      const current = parts?.[0]
      const { unit } = name
      if (unit === undefined || current?.unit === unit) return current
      const other = parts?.find((series) => series.unit === unit)
      if (other !== undefined) makeCurrent(other)
      return other
    },
  }
}

/** As it is stored; a hub before 0.2 did not write `isEscaped` and `owner`. */
type Named = SeriesName &
  Pick<OwnSeries, 'isBoolean'> & {
    readonly unit?: string | undefined
    readonly isEscaped?: boolean
    readonly owner?: string
  }

function newSeries(id: number, named: Named, openShare: OpenShare): OwnSeries {
  const { topic, quantity, unit, isBoolean, isEscaped = false, owner = '' } = named
  const nothing = { lastAt: 0, through: 0, blocks: [], moves: 0, moving: undefined }
  return { id, topic, quantity, unit, isBoolean, isEscaped, owner, openShare, ...nothing }
}

function nameBytes({ topic, quantity, unit, isBoolean, isEscaped, owner }: OwnSeries): Buffer {
  return Buffer.from(JSON.stringify({ topic, quantity, unit, isBoolean, isEscaped, owner }))
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
