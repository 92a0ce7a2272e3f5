import type { SampledLog } from '../../core/sampled-log.ts'
import type { Change, Store } from '../store.ts'
import { writeBuckets } from './bucket-block.ts'
import { blockKey, bucketsKey, historyStateKey, openKey, throughKey } from './keys.ts'
import type { Periods } from './periods.ts'
import { always, storedTable } from './read-history.ts'
import type { OpenBlock } from './series.ts'
import { throughBytes } from './series-table.ts'
import { bucketMs, bucketTiers, periodOf, type Tier } from './tiers.ts'

export interface MoveOptions {
  readonly store: Pick<Store, 'get' | 'write'>
  readonly periods: Periods
  readonly sampledLog: SampledLog
  /** What is to be kept under `stateKey`. */
  state(): Buffer
}

/**
 * Moves closed blocks to where they stay, and adds their minutes and hours to those of their series;
 * all of it or nothing. Nobody else may write buckets meanwhile.
 *
 * @throws HubError as the store.
 */
export async function moveBlocks(
  blocks: readonly OpenBlock[],
  options: MoveOptions,
): Promise<void> {
  const { store, periods, state, sampledLog } = options
  const changes = new Map<string, Buffer | undefined>()
  const grown: [tier: Tier, period: number, bytes: number][] = []
  for (const block of blocks) {
    const { id, series, startAt, writer, through } = block
    const bytes = writer.written()
    const period = periodOf('raw', startAt)
    const key = blockKey(period, series.id, id)
    changes.set(key, bytes)
    changes.set(openKey(series.id, id), undefined)
    changes.set(throughKey(series.id), throughBytes({ through, lastAt: series.lastAt }))
    grown.push(['raw', period, key.length + bytes.length])
    for (const tier of bucketTiers) {
      const own = { tier, period: periodOf(tier, startAt) }
      const ownKey = bucketsKey(tier, own.period, series.id)
      const before = changes.get(ownKey) ?? (await store.get(ownKey))
      const table = storedTable(tier, { key: ownKey, stored: before, sampledLog })
      table.addBlock(bytes, startAt, always)
      const after = writeBuckets(table.sorted(), bucketMs[tier])
      changes.set(ownKey, after)
      grown.push([tier, own.period, after.length - (before?.length ?? -ownKey.length)])
    }
  }
  for (const [tier, period, bytes] of grown) periods.add(tier, period, bytes)
  changes.set(historyStateKey, state())
  try {
    await store.write(Array.from(changes, ([key, value]): Change => ({ key, value })))
  } catch (error) {
    for (const [tier, period, bytes] of grown) periods.add(tier, period, -bytes)
    throw error
  }
}
