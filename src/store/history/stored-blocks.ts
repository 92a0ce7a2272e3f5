import type { SampledLog } from '../../core/sampled-log.ts'
import type { Change } from '../store.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { numbersIn, openKey, openPrefix } from './keys.ts'
import { RawBlockCursor, RawBlockWriter } from './raw-block.ts'
import type { OpenBlock, OwnSeries } from './series.ts'
import type { SeriesTable } from './series-table.ts'
import { hourMs } from './tiers.ts'
import type { Ledger } from './write-ahead.ts'

/** A block as it is to be stored. */
export interface StoredBlock {
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

export interface RestoreOptions {
  readonly ledger: Pick<Ledger, 'entries'>
  readonly table: Pick<SeriesTable, 'get'>
  readonly sampledLog: SampledLog
}

/** The blocks that still grew when an earlier hub ended, in the order they were begun. */
export async function* restoredBlocks(options: RestoreOptions): AsyncGenerator<OpenBlock> {
  const { ledger, table, sampledLog } = options
  for await (const [key, value] of ledger.entries(openPrefix)) {
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
