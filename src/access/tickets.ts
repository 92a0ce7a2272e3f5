import type { SecretsOptions } from './cookie-sessions.ts'
import { createSecretTable } from './secret-table.ts'
import type { User } from './user.ts'

/** What lets a page of another origin open one websocket, within 30 seconds. */
export interface Tickets {
  readonly lifeSeconds: number
  issue(user: User): string
  /** Whose ticket it is, if it is still good; it is not afterwards. */
  redeem(ticket: string): User | undefined
  voidAllOf(user: string): void
}

export function createTickets(options: SecretsOptions): Tickets {
  const { directory, limits, sampledLog, now = () => performance.now() } = options
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
  })
  return {
    lifeSeconds: limits.ticketSeconds,
    issue: table.add,
    redeem: (ticket) => {
      const user = table.use(ticket)
      table.remove(ticket)
      return user
    },
    voidAllOf: table.removeAllOf,
  }
}
