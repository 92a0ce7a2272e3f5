import type { SampledLog } from '../../src/core/sampled-log.ts'
import { type History, type HistoryOptions, openHistory } from '../../src/history/history.ts'
import { dayMs, hourMs } from '../../src/history/periods.ts'
import { type Point, RawBlockCursor } from '../../src/history/raw-block.ts'
import type { HistoryJournal } from '../../src/history/write-ahead.ts'
import type { Store } from '../../src/store/store.ts'
import { setClock } from './set-clock.ts'

/** 2026-11-21T00:00:00Z */
export const midnight = Date.UTC(2026, 10, 21)

const retention = {
  ageMs: { raw: dayMs, minute: 30 * dayMs, hour: 730 * dayMs },
  maxBytes: 1_073_741_824,
}

export const silent: SampledLog = { warn: () => {} }

/** Notes in `store` at once, so that nothing is ever behind. */
export function journalOf(store: Store): HistoryJournal {
  return {
    isLasting: store.isLasting,
    note: (key, value) => void store.write([{ key, value }]),
    noteLater: (key, value) => void store.write([{ key, value }]),
    settled: (done) => void store.write([]).then(done),
    entries: store.entries,
  }
}

/** A history in `store`, with the usual settings. */
export function historyIn(store: Store, options: Partial<HistoryOptions> = {}): Promise<History> {
  return openHistory({
    store,
    journal: journalOf(store),
    retention,
    limits: { series: 100, openMiB: 4 },
    clock: setClock(midnight),
    sampledLog: silent,
    ...options,
  })
}

/** All points of the series of `topic` between two times, hour by hour as they came. */
export async function pointsOf(
  history: History,
  topic: string,
  [from, to] = [midnight, midnight + dayMs],
) {
  const points: Point[] = []
  for (const series of history.snapshot(topic)) {
    for (let hour = Math.floor(Number(from) / hourMs); hour < Number(to) / hourMs; hour++) {
      for await (const { bytes, startAt } of history.blocks(series, hour)) {
        const cursor = new RawBlockCursor(bytes, startAt)
        while (cursor.next()) points.push({ at: cursor.at, value: cursor.value })
      }
    }
  }
  return points
}
