import { type AlarmClock, steadyMs, systemClock } from '../core/clock.ts'
import type { Notes, Store } from './store.ts'

/**
 * What the broker keeps lives in memory. Wherever that changes, it is noted here, under a key and in the
 * same breath; the store has it soon after. A promise to a client leaves when what was noted before it
 * is on disk.
 */
export interface Journal extends Notes, Pick<Store, 'entries'> {
  /** How far the time by which something is noted is ahead of `steadyMs`: it goes on while a hub runs, and only then. */
  readonly aheadMs: number
  /** Waits for what was noted, unless it is lost. */
  close(): Promise<void>
}

/** The journal in `store`. */
export function openJournal(store: Store, aheadMs = 0): Journal {
  const { isLasting, note, noteNew, noteLater, settled } = store
  const close = () => store.write([]).catch(() => {})
  const entries = isLasting ? store.entries : async function* () {}
  return { ...{ isLasting, aheadMs, note, noteNew, noteLater, settled, entries }, close }
}

const timeKey = 'hub/time'
const timeEveryMs = 60_000

/**
 * The journal of a hub, whose time goes on where that of the one before ended, whatever the clock of the machine says by
 * now: an absence is as long as hubs have run meanwhile. It is written with all else, and each minute.
 */
export async function openTimedJournal(
  store: Store,
  clock: Pick<AlarmClock, 'after'> = systemClock,
): Promise<Journal> {
  const stored = (await store.get(timeKey))?.toString()
  const aheadMs = stored === undefined ? 0 : Number(stored) - steadyMs()
  const time = () => Buffer.from(String(Math.ceil(steadyMs() + aheadMs)))
  const journal = openJournal(store, aheadMs)
  let cancel: (() => void) | undefined
  const keepOn = () => {
    cancel = clock.after(timeEveryMs, () => {
      journal.noteLater(timeKey, time())
      keepOn()
    })
  }
  if (store.isLasting) store.stamp(() => ({ key: timeKey, value: time() }))
  journal.note(timeKey, time())
  keepOn()
  const close = () => {
    cancel?.()
    journal.note(timeKey, time())
    return journal.close()
  }
  return { ...journal, close }
}
