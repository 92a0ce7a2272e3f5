import type { JsonLimits } from '../core/json.ts'
import type { PostRoute } from '../core/route.ts'
import { validateLabelRequest } from '../generated/validate-requests.js'
import type { DeviceChanges } from '../nodes/changes.ts'
import type { AsUser } from './as-user.ts'
import { answerJson, readJson } from './json-exchange.ts'

interface LabelRouteOptions {
  readonly asUser: AsUser
  readonly changes: Pick<DeviceChanges, 'label'>
  readonly jsonLimits: JsonLimits
}

/** `POST /api/label`: operators and admins say what a device that they may read is called, and where it is. */
export function labelRoute({ asUser, changes, jsonLimits }: LabelRouteOptions): PostRoute {
  return {
    post: (exchange, body) =>
      asUser(exchange, (user) =>
        answerJson(exchange.response, () =>
          changes.label(user, readJson(body, validateLabelRequest, jsonLimits)),
        ),
      ),
  }
}
