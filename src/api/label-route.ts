import type { JsonLimits } from '../core/json.ts'
import type { PostRoute } from '../core/route.ts'
import { validateLabelRequest } from '../generated/validate-requests.js'
import type { DeviceLabels } from '../nodes/registry/device-labels.ts'
import type { AsUser } from './as-user.ts'
import { answerJson, readJson } from './json-exchange.ts'

interface LabelRouteOptions {
  readonly asUser: AsUser
  readonly label: DeviceLabels['change']
  readonly jsonLimits: JsonLimits
}

/** `POST /api/label`: operators and admins say what a device that they may read is called, and where it is. */
export function labelRoute({ asUser, label, jsonLimits }: LabelRouteOptions): PostRoute {
  return {
    post: (exchange, body) =>
      asUser(exchange, (user) =>
        answerJson(exchange.response, () =>
          label(user, readJson(body, validateLabelRequest, jsonLimits)),
        ),
      ),
  }
}
