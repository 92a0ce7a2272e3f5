import type { Clock } from '../core/clock.ts'

export interface AbsenceLimits {
  /** How many clients may be away. */
  readonly count: number
  /** For how long one may. */
  readonly hours: number
}

/** Which clients with a kept session are away, and since when. */
export interface Absences {
  /** Whoever has been away for longest comes first. */
  clientIds(): IterableIterator<string>
  /** A client is away since now, or has been for so long; nobody who is known has been for less. */
  begin(clientId: string, awayMs?: number): void
  end(clientId: string): void
  /** An earlier hub had so many sessions: as many may be away until clients had time to come back. */
  restored(count: number): void
  /** Who has been away for too long, or is one too many. Whoever is answered is to be ended at once. */
  overdue(): Generator<string, void, void>
  /**
   * Who has been away for how long, if somebody has set the time of day since this was asked last: then
   * what was noted by it before is wrong.
   */
  misdated(): Generator<readonly [clientId: string, awayMs: number], void, void>
  /** From now on nobody is overdue. */
  close(): void
}

const hourMs = 3_600_000

/** How long clients have to come back after a start: the longest pause of libraries is 2 minutes. */
const returnMs = 5 * 60_000

/** What is less comes from clocks that are not quite even. */
const jumpMs = 10_000

export function createAbsences(limits: AbsenceLimits, { nowMs, wallMs }: Clock): Absences {
  let aheadMs = wallMs() - nowMs()
  const sinceMsOf = new Map<string, number>()
  let isClosed = false
  let earlier = { count: 0, untilMs: 0 }
  const countNow = () =>
    nowMs() < earlier.untilMs ? Math.max(limits.count, earlier.count) : limits.count
  return {
    clientIds: () => sinceMsOf.keys(),
    begin: (clientId, awayMs = 0) => sinceMsOf.set(clientId, nowMs() - awayMs),
    end: (clientId) => sinceMsOf.delete(clientId),
    restored: (count) => {
      earlier = { count, untilMs: nowMs() + returnMs }
    },
    *overdue() {
      if (isClosed) return
      const expiredMs = nowMs() - limits.hours * hourMs
      const count = countNow()
      for (const [clientId, sinceMs] of sinceMsOf) {
        if (sinceMsOf.size <= count && sinceMs > expiredMs) return
        yield clientId
      }
    },
    *misdated() {
      const beforeMs = aheadMs
      aheadMs = wallMs() - nowMs()
      if (Math.abs(aheadMs - beforeMs) < jumpMs) return
      for (const [clientId, sinceMs] of sinceMsOf) yield [clientId, nowMs() - sinceMs]
    },
    close: () => {
      isClosed = true
    },
  }
}
