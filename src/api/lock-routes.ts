import { rightsOf } from '../access/rights.ts'
import type { User } from '../access/user.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import { validateLockRequest, validateUnlockRequest } from '../generated/validate-requests.js'
import type { DeviceChanges } from '../nodes/changes.ts'
import type { LockOuts } from '../nodes/relay-guard/lock-outs.ts'
import { type AsUser, asOperator } from './as-user.ts'
import { answerJson, readJson } from './json-exchange.ts'

export interface LockRoutesOptions {
  readonly asUser: AsUser
  readonly lockOuts: Pick<LockOuts, 'list'>
  readonly changes: Pick<DeviceChanges, 'lock' | 'unlock'>
  readonly jsonLimits: JsonLimits
}

/**
 * By path: locks a device, unlocks it, and lists the locked ones. Operators and admins lock what they
 * may command, and any of them unlocks it again; everybody sees the locks of what they may read.
 */
export function lockRoutes(options: LockRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, lockOuts, changes, jsonLimits } = options
  const lock = (user: User, body: Buffer) =>
    changes.lock(user, readJson(body, validateLockRequest, jsonLimits))
  const unlock = (user: User, body: Buffer) =>
    changes.unlock(user, readJson(body, validateUnlockRequest, jsonLimits))
  return new Map<string, Route>([
    [
      '/api/lock',
      { post: (exchange, body) => asOperator(asUser, exchange, (user) => lock(user, body)) },
    ],
    [
      '/api/unlock',
      { post: (exchange, body) => asOperator(asUser, exchange, (user) => unlock(user, body)) },
    ],
    [
      '/api/locks',
      {
        get: (exchange) =>
          asUser(exchange, (user) => {
            const { mayRead } = rightsOf(user)
            const locks = lockOuts.list().filter(({ device }) => mayRead(device))
            return answerJson(exchange.response, () => ({ locks }))
          }),
      },
    ],
  ])
}
