import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { createSecretTable } from './secret-table.ts'
import type { User, UserDirectory } from './user.ts'

export interface SecretsOptions {
  readonly directory: UserDirectory
  readonly limits: Readonly<Config['limits']['signIn']>
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/**
 * Who has signed in with a form, by what their cookie holds. A session ends after 12 hours, after 2
 * hours without use, and when its user changes or is removed.
 */
export interface CookieSessions {
  /** How long a session lasts at most. */
  readonly lifeSeconds: number
  /** Begins a session; answers what the cookie is to hold. */
  start(user: User): string
  userOf(id: string): User | undefined
  end(id: string): void
  endAllOf(user: string): void
}

export function createCookieSessions(options: SecretsOptions): CookieSessions {
  const { directory, limits, sampledLog, now = () => performance.now() } = options
  const table = createSecretTable({
    directory,
    lifeMs: limits.sessionSeconds * 1000,
    idleMs: limits.sessionIdleSeconds * 1000,
    perUser: limits.sessionsPerUser,
    onExcess: (user) => {
      sampledLog.warn('sessions-ended', { user }, 'a user has too many sessions: the oldest ends')
    },
    now,
  })
  return {
    lifeSeconds: limits.sessionSeconds,
    start: table.add,
    userOf: table.use,
    end: table.remove,
    endAllOf: table.removeAllOf,
  }
}
