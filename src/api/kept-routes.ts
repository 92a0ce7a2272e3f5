import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import { validateForgetRequest, validateReplaceRequest } from '../generated/validate-requests.js'
import type { KeptOfDevices } from '../nodes/kept-of-devices.ts'
import { type AsUser, asAdmin } from './as-user.ts'
import { readJson } from './json-exchange.ts'

interface KeptRoutesOptions {
  readonly asUser: AsUser
  readonly kept: KeptOfDevices
  readonly jsonLimits: JsonLimits
}

/** By path: gives what is kept of a broken device to its spare part, and removes what is kept of one; for admins. */
export function keptRoutes({
  asUser,
  kept,
  jsonLimits,
}: KeptRoutesOptions): readonly [path: string, route: Route][] {
  return [
    [
      '/api/replace',
      {
        post: (exchange, body) =>
          asAdmin(asUser, exchange, (user) =>
            kept.replace(user, readJson(body, validateReplaceRequest, jsonLimits)),
          ),
      },
    ],
    [
      '/api/forget',
      {
        post: (exchange, body) =>
          asAdmin(asUser, exchange, (user) => {
            const { device } = readJson(body, validateForgetRequest, jsonLimits)
            return kept.forget(user, device)
          }),
      },
    ],
  ]
}
