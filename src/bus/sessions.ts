import type { QueueLimits } from './outgoing-queue.ts'
import type { OwnMessage } from './own-copy.ts'
import { type Link, Session } from './session.ts'

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
  const { limits, qos2Window, onEnded, onDropped, now = () => performance.now() } = options
  const sessions = new Map<string, Session>()
  /** Since when a client has been away; the one away for longest comes first. */
  const awaySinceMs = new Map<string, number>()
  const usage = { bytes: 0 }
  const forget = (clientId: string) => {
    sessions.get(clientId)?.outgoing.clear()
    sessions.delete(clientId)
    awaySinceMs.delete(clientId)
  }
  const end = (clientId: string) => {
    forget(clientId)
    onEnded(clientId)
  }
  const endOld = () => {
    const expiredMs = now() - limits.hours * hourMs
    for (const [clientId, sinceMs] of awaySinceMs) {
      if (awaySinceMs.size <= limits.count && sinceMs > expiredMs) break
      end(clientId)
    }
  }
  /** Who has been away for longest of those for whom something is kept goes first. */
  const makeRoom = (session: Session) => {
    for (const clientId of awaySinceMs.keys()) {
      if (usage.bytes <= limits.totalBytes) return
      if (sessions.get(clientId)?.outgoing.isEmpty === false) end(clientId)
    }
    while (usage.bytes > limits.totalBytes && session.outgoing.dropOldest()) {}
  }
  const create = ({ clientId, clean }: Entrant) => {
    const onOwnDropped = (message: OwnMessage) => onDropped(clientId, message)
    return new Session({ isKept: !clean, qos2Window, limits, usage, onDropped: onOwnDropped })
  }
  const timer = setInterval(endOld, checkMs).unref()
  return {
    accept: (entrant, link) => {
      const { clientId, clean } = entrant
      const known = sessions.get(clientId)
      const isPresent = known?.isKept === true && !clean
      // [MQTT-3.1.2-6] A clean session discards the one before.
      if (!isPresent) forget(clientId)
      const session = isPresent ? known : create(entrant)
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
      makeRoom(session)
    },
    close: () => clearInterval(timer),
  }
}
