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
export interface SessionLimits extends QueueLimits {
  readonly count: number
  readonly hours: number
  readonly totalBytes: number
}

export interface SessionsOptions {
  readonly limits: SessionLimits
  readonly qos2Window: number
  /** A session was given up, because its client has been away for too long or too much is kept. */
  onEnded(clientId: string): void
  /** A message for a client was given up. */
  onDropped(clientId: string, message: OwnMessage): void
  readonly records?: Pick<SessionRecords, 'of'>
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
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
   * now; the limits hold for all of them.
   */
  restore(stored: readonly StoredSession[]): void
  /** A client was let in; answers its session, and whether that is one to go on with. */
  accept(entrant: Entrant, link: Link): { readonly session: Session; readonly isPresent: boolean }
  /** A link has ended. Past a limit the session ends that was without its client for longest. */
  left(clientId: string, link: Link): void
  get(clientId: string): Session | undefined
  /** Lets a message wait for a client. */
  keep(clientId: string, message: OwnMessage): void
  close(): void
}

const hourMs = 3_600_000
const checkMs = 60_000

export function createSessions(options: SessionsOptions): Sessions {
  const { limits, onEnded, now = () => performance.now() } = options
  const sessions = new Map<string, Session>()
  /** Since when a client has been away; the one away for longest comes first. */
  const awaySinceMs = new Map<string, number>()
  const usage = { bytes: 0 }
  const forget = (clientId: string) => {
    sessions.get(clientId)?.end()
    sessions.delete(clientId)
    awaySinceMs.delete(clientId)
  }
  const end = (clientId: string) => {
    forget(clientId)
    onEnded(clientId)
  }
  const endOld = () => {
    for (const clientId of overdue(awaySinceMs, limits, now())) end(clientId)
  }
  /** Who has been away for longest of those for whom something is kept goes first. */
  const makeRoom = () => {
    for (const clientId of awaySinceMs.keys()) {
      if (usage.bytes <= limits.totalBytes) return
      if (sessions.get(clientId)?.outgoing.isEmpty === false) end(clientId)
    }
  }
  const timer = setInterval(endOld, checkMs).unref()
  return {
    restore: (stored) => {
      for (const one of [...stored].sort((a, b) => b.awayMs - a.awayMs)) {
        const { clientId, awayMs, messages } = one
        const notes = options.records?.of(clientId, messages)
        const session = createSession({ clientId, clean: false }, { ...options, usage, notes })
        sessions.set(clientId, session)
        awaySinceMs.set(clientId, now() - awayMs)
        session.restore(one)
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
      awaySinceMs.delete(clientId)
      session.attach(link)
      return { session, isPresent }
    },
    left: (clientId, link) => {
      const session = sessions.get(clientId)
      // Another link may have taken over.
      if (session?.detach(link) !== true) return
      if (!session.isKept) {
        forget(clientId)
        return
      }
      awaySinceMs.set(clientId, now())
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
    close: () => clearInterval(timer),
  }
}

/** `notes` are those of a session that goes on. */
function createSession(
  { clientId, clean }: Entrant,
  options: SessionsOptions & Pick<SessionOptions, 'usage'> & { notes?: SessionNotes | undefined },
): Session {
  const { records, notes = records?.of(clientId) ?? noNotes, onDropped } = options
  return new Session({
    ...options,
    isKept: !clean,
    onDropped: (message) => onDropped(clientId, message),
    notes: clean ? noNotes : notes,
  })
}

/** Who has been away for too long, or is one too many. Whoever is answered is to be ended at once. */
function* overdue(awaySinceMs: ReadonlyMap<string, number>, limits: SessionLimits, nowMs: number) {
  const expiredMs = nowMs - limits.hours * hourMs
  for (const [clientId, sinceMs] of awaySinceMs) {
    if (awaySinceMs.size <= limits.count && sinceMs > expiredMs) return
    yield clientId
  }
}
