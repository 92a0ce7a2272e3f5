import { hasRoomFor } from '../core/equal-share.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Change } from '../store/store.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { numbersIn, openKey, openPrefix } from './keys.ts'
import { hourMs, periodOf, startOfPeriod } from './periods.ts'
import { type Point, RawBlockCursor, RawBlockWriter } from './raw-block.ts'
import type { OpenBlock, OwnSeries, SeriesTable } from './series.ts'
import type { HistoryJournal } from './write-ahead.ts'

/** The blocks that are not where closed ones are: they grow in memory, and are stored now and then. */
export interface OpenBlocks {
  /** Of all of them. */
  readonly bytes: number
  /** Whether there may be more of this series: past what there may be, for whose owners have less than an equal share. */
  hasRoomFor(series: OwnSeries): boolean
  /** Adds a point that has this ordinal. */
  add(series: OwnSeries, point: Point, ordinal: number): void
  /** No block that began before the hour of `at`, or after it, grows any more. */
  closeBut(at: number): void
  /** Those that do not grow any more, in the order they were closed. */
  closed(): readonly OpenBlock[]
  /** The series with points that are not in the store, the longest waiting first. */
  unstored(): ReadonlyMap<OwnSeries, Unstored>
  /** So much of its blocks is in the store; what came later has this ordinal or a higher one. */
  stored(series: OwnSeries, blocks: readonly StoredBlock[], since: number): void
  /** These are where closed blocks are. */
  remove(blocks: readonly OpenBlock[]): void
  /** Below this number all ids of blocks are taken. */
  nextId(): number
  /** Ids below this one were taken already. */
  skip(id: number): void
  /** Goes on with a block of an earlier hub, the latest of its series so far. */
  adopt(block: OpenBlock): void
}

interface Unstored {
  /** The lowest ordinal. */
  readonly since: number
  /** When that point came, by a clock that never jumps. */
  readonly sinceMs: number
}

interface OpenBlocksOptions {
  readonly table: SeriesTable
  /** Past so many bytes of all together, blocks are closed early; past twice as many, there is no room. */
  readonly maxBytes: number
  readonly nowMs: () => number
  /** Whether there is a disk on which to store them. */
  readonly isLasting: boolean
  readonly sampledLog: SampledLog
}

/** A block is closed when it has so much, so that no single value gets too long. */
const blockBytes = 65_536
/** Less than this is not worth a block of its own when memory is short. */
const leastBytes = 512

export function createOpenBlocks(options: OpenBlocksOptions): OpenBlocks {
  const { table, maxBytes, nowMs, isLasting, sampledLog } = options
  const unstored = new Map<OwnSeries, Unstored>()
  let closed: OpenBlock[] = []
  let nextId = 1
  const room = createRoom(options)
  const close = (block: OpenBlock) => {
    block.isClosed = true
    closed.push(block)
  }
  const growing = (series: OwnSeries, at: number): OpenBlock => {
    const startAt = startOfPeriod('raw', periodOf('raw', at))
    const last = series.blocks.at(-1)
    if (last?.isClosed === false) {
      const { length } = last.writer
      const isEarly = room.bytes > maxBytes && length > leastBytes
      if (last.startAt === startAt && length < blockBytes && !isEarly) return last
      if (isEarly) sampledLog.warn('history-closed-early', {}, 'the history needs much memory')
      close(last)
    }
    const block = newBlock(series, nextId++, startAt)
    series.blocks = [...series.blocks, block]
    return block
  }
  return {
    get bytes() {
      return room.bytes
    },
    hasRoomFor: room.hasRoomFor,
    add: (series, point, ordinal) => {
      const block = growing(series, point.at)
      const before = block.writer.length
      block.writer.add(point.at, point.value)
      block.through = ordinal
      room.count(series, block.writer.length - before)
      if (isLasting && !unstored.has(series)) {
        unstored.set(series, { since: ordinal, sinceMs: nowMs() })
      }
    },
    closeBut: (at) => {
      const startAt = startOfPeriod('raw', periodOf('raw', at))
      for (const { blocks } of table.all()) {
        const last = blocks.at(-1)
        if (last?.isClosed === false && last.startAt !== startAt) close(last)
      }
    },
    closed: () => closed,
    unstored: () => unstored,
    stored: (series, blocks, since) => {
      for (const { block, length } of blocks) block.storedLength = length
      unstored.delete(series)
      if (blocksToStore(series).length > 0) unstored.set(series, { since, sinceMs: nowMs() })
    },
    remove: (gone) => {
      const all = new Set(gone)
      for (const { series, writer } of gone) {
        room.count(series, -writer.length)
        series.blocks = series.blocks.filter((block) => !all.has(block))
      }
      closed = closed.filter((block) => !all.has(block))
    },
    nextId: () => nextId,
    skip: (id) => {
      nextId = Math.max(nextId, id)
    },
    adopt: (block) => {
      const { series, through, writer, id } = block
      const before = series.blocks.at(-1)
      if (before !== undefined) close(before)
      series.blocks = [...series.blocks, block]
      series.through = Math.max(series.through, through)
      nextId = Math.max(nextId, id + 1)
      room.count(series, writer.length)
    },
  }
}

/** Counts the bytes of all, and of each owner. */
function createRoom({ table, maxBytes }: OpenBlocksOptions) {
  const mostBytes = 2 * maxBytes
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    count: ({ openShare }: OwnSeries, change: number) => {
      bytes += change
      openShare.bytes += change
    },
    hasRoomFor: ({ openShare }: OwnSeries) => {
      if (bytes < mostBytes) return true
      const { owners: sharers } = table
      return hasRoomFor({ most: mostBytes, total: bytes, own: openShare.bytes, sharers })
    },
  }
}

function newBlock(series: OwnSeries, id: number, startAt: number): OpenBlock {
  const writer = new RawBlockWriter(startAt)
  return { id, series, startAt, writer, through: 0, storedLength: 0, isClosed: false }
}

// --- as they are stored ---

/** A block as it is to be stored. */
interface StoredBlock {
  readonly block: OpenBlock
  readonly length: number
}

/** The blocks of a series with points that are not in the store. */
export function blocksToStore({ blocks }: OwnSeries): StoredBlock[] {
  return blocks
    .filter(({ writer, storedLength }) => writer.length > storedLength)
    .map((block) => ({ block, length: block.writer.length }))
}

/** What is stored of a block that may still grow. */
export function openBlockChange({ block }: StoredBlock): Change {
  const { id, series, startAt, writer, through } = block
  const head = new ByteWriter(32)
  head.unsigned(through)
  head.unsigned(startAt / hourMs)
  return { key: openKey(series.id, id), value: Buffer.concat([head.written(), writer.written()]) }
}

interface RestoreOptions {
  readonly journal: Pick<HistoryJournal, 'entries'>
  readonly table: Pick<SeriesTable, 'get'>
  readonly sampledLog: SampledLog
}

/** The blocks that still grew when an earlier hub ended, in the order they were begun. */
export async function* restoredBlocks(options: RestoreOptions): AsyncGenerator<OpenBlock> {
  const { journal, table, sampledLog } = options
  for await (const [key, value] of journal.entries(openPrefix)) {
    const [series = 0, id = 0] = numbersIn(key, openPrefix)
    const block = restoredBlock(table.get(series), id, value)
    if (block !== undefined) yield block
    else sampledLog.warn('history-unreadable', { key }, 'a block of points could not be read')
  }
}

function restoredBlock(
  series: OwnSeries | undefined,
  id: number,
  value: Buffer,
): OpenBlock | undefined {
  if (series === undefined) return undefined
  try {
    const reader = new ByteReader(value)
    const through = reader.unsigned()
    const startAt = reader.unsigned() * hourMs
    const writer = new RawBlockWriter(startAt)
    const cursor = new RawBlockCursor(reader.rest(), startAt)
    while (cursor.next()) {
      writer.add(cursor.at, cursor.value)
      series.lastAt = cursor.at
    }
    return { id, series, startAt, writer, through, storedLength: writer.length, isClosed: false }
  } catch {
    return undefined
  }
}
