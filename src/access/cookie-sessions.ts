import { type AlarmClock, systemClock } from '../core/clock.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { createSecretTable, type Until } from './secret-table.ts'
import type { User, UserDirectory } from './user.ts'

export interface SecretsOptions {
  readonly directory: UserDirectory
  readonly limits: Readonly<Config['limits']['signIn']>
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
  readonly after?: AlarmClock['after']
}

/**
 * Who has signed in with a form, by what their cookie holds. A session ends after 12 hours, after 2
 * hours without use, and when its user changes or is removed. What follows it uses it all the time.
 */
export interface CookieSessions {
  /** How long a session lasts at most. */
  readonly lifeSeconds: number
  /** Begins a session; answers what the cookie is to hold. */
  start(user: User): string
  userOf(id: string): User | undefined
  /** Follows a session up to its end. */
  until(id: string): Until
  end(id: string): void
  endAllOf(user: string): void
}

export function createCookieSessions(options: SecretsOptions): CookieSessions {
  const {
    directory,
    limits,
    sampledLog,
    now = systemClock.nowMs,
    after = systemClock.after,
  } = options
  const table = createSecretTable({
    directory,
    lifeMs: limits.sessionSeconds * 1000,
    idleMs: limits.sessionIdleSeconds * 1000,
    perUser: limits.sessionsPerUser,
    onExcess: (user) => {
      sampledLog.warn('sessions-ended', { user }, 'a user has too many sessions: the oldest ends')
    },
    now,
    after,
  })
  return {
    lifeSeconds: limits.sessionSeconds,
    start: (user) => table.add({ user }),
    userOf: (id) => table.use(id)?.user,
    until: (id) => (ended) => table.follow(id, ended),
    end: table.remove,
    endAllOf: table.removeAllOf,
  }
}
