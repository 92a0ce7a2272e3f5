/** How many sessions without a client are kept, and how long; see `limits.sessions`. */
export interface SessionLimits {
  readonly count: number
  readonly hours: number
}

export interface KeptSessionsOptions {
  readonly limits: SessionLimits
  /** Forgets what is kept of a session. */
  end(clientId: string): void
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** Which clients have a session that outlives its connection [MQTT-3.1.2-4]. */
export interface KeptSessions {
  /** A client was accepted; answers whether there was a session of its to go on with. */
  accept(client: { readonly clientId: string; readonly clean: boolean }): boolean
  /** A client has gone. Past the limit the session ends that was without its client for longest. */
  left(clientId: string): void
  close(): void
}

const hourMs = 3_600_000
const checkMs = 60_000

export function createKeptSessions(options: KeptSessionsOptions): KeptSessions {
  const { limits, end, now = () => performance.now() } = options
  const clientIds = new Set<string>()
  /** Since when a client has been away; the one away for longest comes first. */
  const awaySinceMs = new Map<string, number>()
  const forget = (clientId: string) => {
    clientIds.delete(clientId)
    awaySinceMs.delete(clientId)
    end(clientId)
  }
  const endOld = () => {
    const expiredMs = now() - limits.hours * hourMs
    for (const [clientId, sinceMs] of awaySinceMs) {
      if (awaySinceMs.size <= limits.count && sinceMs > expiredMs) return
      forget(clientId)
    }
  }
  const timer = setInterval(endOld, checkMs).unref()
  return {
    accept: ({ clientId, clean }) => {
      const isKept = clientIds.has(clientId) && !clean
      // [MQTT-3.1.2-6] A clean session discards the one before.
      if (clean) clientIds.delete(clientId)
      else clientIds.add(clientId)
      awaySinceMs.delete(clientId)
      return isKept
    },
    left: (clientId) => {
      if (!clientIds.has(clientId)) return
      awaySinceMs.set(clientId, now())
      endOld()
    },
    close: () => clearInterval(timer),
  }
}
