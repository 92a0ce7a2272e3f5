import type { User } from '../access/user.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import { validateForgetRequest, validateReplaceRequest } from '../generated/validate-requests.js'
import type { DeviceChanges } from '../nodes/changes.ts'
import { type AsUser, asAdmin } from './as-user.ts'
import { readJson } from './json-exchange.ts'

interface KeptRoutesOptions {
  readonly asUser: AsUser
  readonly changes: Pick<DeviceChanges, 'replace' | 'forget'>
  readonly users: {
    /** Removes all that is kept of a user, and resolves with what that was. */
    forget(admin: User, user: string): Promise<object>
    /** The same of what a user has told, commanded and open; the account stays. */
    forgetReports(admin: User, user: string): Promise<object>
  }
  readonly jsonLimits: JsonLimits
}

/** By path: gives what is kept of a broken device to its spare part, and removes what is kept of one, or of a user; for admins. */
export function keptRoutes({
  asUser,
  changes,
  users,
  jsonLimits,
}: KeptRoutesOptions): readonly [path: string, route: Route][] {
  return [
    [
      '/api/replace',
      {
        post: (exchange, body) =>
          asAdmin(asUser, exchange, (user) =>
            changes.replace(user, readJson(body, validateReplaceRequest, jsonLimits)),
          ),
      },
    ],
    [
      '/api/forget',
      {
        post: (exchange, body) =>
          asAdmin(asUser, exchange, (user) => {
            const asked = readJson(body, validateForgetRequest, jsonLimits)
            const { device, reports, user: name = '' } = asked
            if (device !== undefined) return changes.forget(user, { device })
            if (reports !== undefined) return users.forgetReports(user, reports)
            return users.forget(user, name)
          }),
      },
    ],
  ]
}
