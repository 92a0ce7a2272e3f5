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
  /** Removes all that is kept of a user, and resolves with what that was. */
  forgetUser(admin: User, user: string): Promise<object>
  readonly jsonLimits: JsonLimits
}

/** By path: gives what is kept of a broken device to its spare part, and removes what is kept of one, or of a user; for admins. */
export function keptRoutes({
  asUser,
  changes,
  forgetUser,
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
            const { device, user: name = '' } = asked
            return device === undefined ? forgetUser(user, name) : changes.forget(user, asked)
          }),
      },
    ],
  ]
}
