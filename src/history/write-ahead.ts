import { nextTurn } from '../core/clock.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Entry } from '../store/store.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { lastNumberIn, logKey, logPrefix } from './keys.ts'
import type { Point } from './raw-block.ts'
import type { LoggedPoint } from './series.ts'

/** Where what is to be on disk before an acknowledgement leaves is noted; the broker's journal. */
export interface HistoryJournal {
  /** Whether anything outlives the hub. */
  readonly isLasting: boolean
  /** The value of a key from now on. */
  note(key: string, value: Buffer | undefined): void
  /** The same of what nobody is promised: it may wait some seconds for a batch. */
  noteLater(key: string, value: Buffer | undefined): void
  /** Calls `done` when all that was noted so far is on disk. */
  settled(done: () => void): void
  entries(prefix: string): AsyncIterable<Entry>
}

/** Points that are in no block on disk yet, in records of those that came together. */
export interface WriteAhead {
  /** Adds a point to the record that is being collected, and returns its ordinal. */
  add(series: number, point: Point): number
  /** Notes what was collected: nothing is acknowledged until it is on disk. */
  note(): void
  /** Notes it for later, unless it is noted; what comes after is in another record. */
  flush(): void
  /** What was ended and is not on disk, and for how many milliseconds the oldest of it has waited. */
  readonly waiting: { readonly bytes: number; readonly ms: number }
  /** Whether the disk takes so little that what may be lost should not be added. */
  isBehind(): boolean
  /** The ordinal of the next point. */
  next(): number
  /** Points below this ordinal are in blocks. */
  forget(ordinal: number): void
  /** The records that are there, in order; to be read to its end before anything is added. */
  restore(): AsyncIterable<LoggedPoint>
  /** Ordinals up to this one were given already. */
  skip(ordinal: number): void
}

/** A record that is longer is ended, so that one of many small parts is not written again and again. */
const recordBytes = 65_536

/** What may wait for the disk: a minute of 5,000 points a second. */
const behindBytes = 4 * 1_048_576

interface Writing {
  readonly key: string
  readonly writer: ByteWriter
  lastAt: number
  notedBytes: number
}

export function createWriteAhead(journal: HistoryJournal, sampledLog: SampledLog): WriteAhead {
  let nextOrdinal = 1
  let record: Writing | undefined
  const waiting = createWaiting(journal)
  /** The first ordinals of all records on disk or on their way there. */
  const firsts: number[] = []
  const begin = (at: number): Writing => {
    firsts.push(nextOrdinal)
    const writer = new ByteWriter(256)
    writer.unsigned(at)
    return { key: logKey(nextOrdinal), writer, lastAt: at, notedBytes: 0 }
  }
  const end = () => {
    if (record === undefined) return
    const { length } = record.writer
    record = undefined
    waiting.add(length)
  }
  const noteBy = (by: HistoryJournal['note']): Writing | undefined => {
    const noted = record
    if (noted === undefined || noted.notedBytes === noted.writer.length) return undefined
    noted.notedBytes = noted.writer.length
    by(noted.key, noted.writer.written())
    return noted
  }
  const note = () => {
    const isFirst = record?.notedBytes === 0
    const noted = noteBy(journal.note)
    // What else this turn brings is written with it, also what nobody is promised.
    if (isFirst && noted !== undefined) nextTurn(() => record === noted && flush())
  }
  const flush = () => {
    noteBy(journal.noteLater)
    end()
  }
  return {
    add: (series, { at, value }) => {
      if (journal.isLasting) {
        record ??= begin(at)
        record.writer.unsigned(series)
        record.writer.signed(at - record.lastAt)
        record.writer.double(value)
        record.lastAt = at
        if (record.writer.length > recordBytes) flush()
      }
      return nextOrdinal++
    },
    note,
    flush,
    waiting,
    isBehind: () => waiting.bytes > behindBytes,
    next: () => nextOrdinal,
    forget: (ordinal) => {
      // A record ends where the next one begins.
      const kept = firsts.findIndex((_, at) => Number(firsts[at + 1] ?? nextOrdinal) > ordinal)
      const gone = firsts.splice(0, kept === -1 ? firsts.length : kept)
      for (const first of gone) journal.noteLater(logKey(first), undefined)
    },
    restore: async function* () {
      for await (const [key, value] of journal.entries(logPrefix)) {
        const first = lastNumberIn(key)
        firsts.push(first)
        for (const point of pointsIn(value, first, sampledLog)) {
          nextOrdinal = point.ordinal + 1
          yield point
        }
      }
    },
    skip: (ordinal) => {
      nextOrdinal = Math.max(nextOrdinal, ordinal + 1)
    },
  }
}

/** Records that are on their way to the disk, in order. */
function createWaiting(journal: Pick<HistoryJournal, 'settled'>) {
  const sinceMs: number[] = []
  let bytes = 0
  return {
    add: (length: number) => {
      bytes += length
      sinceMs.push(performance.now())
      journal.settled(() => {
        bytes -= length
        sinceMs.shift()
      })
    },
    get bytes() {
      return bytes
    },
    get ms() {
      const nowMs = performance.now()
      return nowMs - (sinceMs[0] ?? nowMs)
    },
  }
}

function* pointsIn(bytes: Buffer, first: number, sampledLog: SampledLog): Generator<LoggedPoint> {
  try {
    const reader = new ByteReader(bytes)
    let at = reader.unsigned()
    for (let ordinal = first; reader.hasMore; ordinal++) {
      const series = reader.unsigned()
      at += reader.signed()
      yield { ordinal, series, at, value: reader.double() }
    }
  } catch {
    sampledLog.warn('history-unreadable', { key: logKey(first) }, 'points could not be read')
  }
}
