import { type AlarmClock, systemClock } from '../core/clock.ts'
import { type AbsenceLimits, createAbsences } from './absences.ts'
import type { QueueLimits } from './outgoing-queue.ts'
import type { OwnMessage } from './own-copy.ts'
import { type Link, Session, type SessionOptions } from './session.ts'
import {
  noNotes,
  type SessionNotes,
  type SessionRecords,
  type StoredSession,
} from './session-records.ts'

/** How much is kept for clients that are away; see `limits.sessions` in the configuration. */
export interface SessionLimits extends QueueLimits, AbsenceLimits {
  readonly totalBytes: number
}

export interface SessionsOptions {
  readonly limits: SessionLimits
  readonly qos2Window: number
  /** A session is over, for whatever reason. */
  onForgotten(clientId: string): void
  /** A session was given up, because its client has been away for too long or too much is kept. */
  onEnded(clientId: string): void
  /** A message for a client was given up. */
  onDropped(clientId: string, message: OwnMessage): void
  readonly records: Pick<SessionRecords, 'of'>
  readonly clock?: AlarmClock
}

/** A client that was let in. */
export interface Entrant {
  readonly clientId: string
  /** Whether it starts anew, and nothing is kept when it leaves. */
  readonly clean: boolean
}

/** The sessions of all clients: of those that are there, and those kept for who is away [MQTT-4.1]. */
export interface Sessions {
  /**
   * Takes over the sessions of an earlier hub. A client that was there to its end has been away since
   * now; the limits hold for all of them, that of their count once clients had time to come back.
   */
  restore(stored: readonly StoredSession[]): void
  /** A client was let in; answers its session, and whether that is one to go on with. */
  accept(entrant: Entrant, link: Link): { readonly session: Session; readonly isPresent: boolean }
  /** A link has ended. Past a limit the session ends that was without its client for longest. */
  left(clientId: string, link: Link): void
  get(clientId: string): Session | undefined
  /** Lets a message wait for a client. */
  keep(clientId: string, message: OwnMessage): void
  /** From now on no session is given up: that clients go away is the doing of the hub. */
  close(): void
}

const checkMs = 60_000

export function createSessions(options: SessionsOptions): Sessions {
  const { limits, onForgotten, onEnded, clock = systemClock } = options
  const sessions = new Map<string, Session>()
  const absences = createAbsences(limits, clock)
  const usage = { bytes: 0 }
  const forget = (clientId: string) => {
    sessions.get(clientId)?.end()
    sessions.delete(clientId)
    absences.end(clientId)
    onForgotten(clientId)
  }
  const end = (clientId: string) => {
    forget(clientId)
    onEnded(clientId)
  }
  const endOld = () => {
    for (const clientId of absences.overdue()) end(clientId)
  }
  /** Who has been away for longest of those for whom something is kept goes first. */
  const makeRoom = () => {
    for (const clientId of absences.clientIds()) {
      if (usage.bytes <= limits.totalBytes) return
      if (sessions.get(clientId)?.outgoing.isEmpty === false) end(clientId)
    }
  }
  const check = () => {
    for (const [clientId, awayMs] of absences.misdated()) sessions.get(clientId)?.stillAway(awayMs)
    endOld()
    stopChecks = clock.after(checkMs, check)
  }
  let stopChecks = clock.after(checkMs, check)
  return {
    restore: (stored) => {
      absences.restored(stored.length)
      for (const one of [...stored].sort((a, b) => b.awayMs - a.awayMs)) {
        sessions.set(one.clientId, restoredSession(one, { ...options, usage }))
        absences.begin(one.clientId, one.awayMs)
      }
      endOld()
      makeRoom()
    },
    accept: (entrant, link) => {
      const { clientId, clean } = entrant
      const known = sessions.get(clientId)
      const isPresent = known?.isKept === true && !clean
      // [MQTT-3.1.2-6] A clean session discards the one before.
      if (!isPresent) forget(clientId)
      const session = isPresent ? known : createSession(entrant, { ...options, usage })
      sessions.set(clientId, session)
      absences.end(clientId)
      session.attach(link)
      return { session, isPresent }
    },
    left: (clientId, link) => {
      const session = sessions.get(clientId)
      // Another link may have taken over.
      if (session?.detach(link) !== true) return
      if (!session.isKept) return forget(clientId)
      absences.begin(clientId)
      endOld()
    },
    get: (clientId) => sessions.get(clientId),
    keep: (clientId, message) => {
      const session = sessions.get(clientId)
      if (session === undefined) return
      session.keep(message)
      makeRoom()
      while (usage.bytes > limits.totalBytes && session.outgoing.dropOldest()) {}
    },
    close: () => {
      absences.close()
      stopChecks()
    },
  }
}

type AllOptions = SessionsOptions & Pick<SessionOptions, 'usage'>

function restoredSession(stored: StoredSession, options: AllOptions): Session {
  const { clientId, messages } = stored
  const notes = options.records.of(clientId, messages)
  const session = createSession({ clientId, clean: false }, { ...options, notes })
  session.restore(stored)
  return session
}

/** `notes` are those of a session that goes on. */
function createSession(
  { clientId, clean }: Entrant,
  options: AllOptions & { notes?: SessionNotes },
): Session {
  const { records, notes = records.of(clientId), onDropped } = options
  return new Session({
    ...options,
    isKept: !clean,
    onDropped: (message) => onDropped(clientId, message),
    notes: clean ? noNotes : notes,
  })
}
