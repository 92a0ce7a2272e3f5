import { systemClock } from '../core/clock.ts'
import type { SecretsOptions } from './cookie-sessions.ts'
import { createSecretTable, type SecretOwner, type Until } from './secret-table.ts'
import type { User } from './user.ts'

/** What lets a page of another origin open one websocket, within 30 seconds. */
export interface Tickets {
  readonly lifeSeconds: number
  /** `until` is how long its user is signed in, when that may end before. */
  issue(user: User, until?: Until): string
  /** Whose ticket it is, if it is still good; it is not afterwards. */
  redeem(ticket: string): SecretOwner | undefined
  voidAllOf(user: string): void
}

export function createTickets(options: SecretsOptions): Tickets {
  const {
    directory,
    limits,
    sampledLog,
    now = systemClock.nowMs,
    after = systemClock.after,
  } = options
  const lifeMs = limits.ticketSeconds * 1000
  const table = createSecretTable({
    directory,
    lifeMs,
    idleMs: lifeMs,
    perUser: limits.ticketsPerUser,
    onExcess: (user) => {
      sampledLog.warn('tickets-void', { user }, 'a user has too many tickets: the oldest is void')
    },
    now,
    after,
  })
  return {
    lifeSeconds: limits.ticketSeconds,
    issue: (user, until) => table.add({ user, until }),
    redeem: (ticket) => {
      const owner = table.use(ticket)
      table.remove(ticket)
      return owner
    },
    voidAllOf: table.removeAllOf,
  }
}
