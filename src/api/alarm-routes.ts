import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import type { AlarmEntry } from '../generated/stored.ts'
import { validateAcknowledgeRequest } from '../generated/validate-requests.js'
import { type AsUser, asOperator } from './as-user.ts'
import { readJson } from './json-exchange.ts'

export interface AlarmRoutesOptions {
  readonly asUser: AsUser
  readonly alarms: {
    list(): readonly AlarmEntry[]
    acknowledge(rule: string, device: string): boolean
  }
  readonly jsonLimits: JsonLimits
}

/** By path: operators and admins see what is wrong, and say that they know. */
export function alarmRoutes({
  asUser,
  alarms,
  jsonLimits,
}: AlarmRoutesOptions): ReadonlyMap<string, Route> {
  const acknowledge = (body: Buffer) => {
    const { rule, device } = readJson(body, validateAcknowledgeRequest, jsonLimits)
    if (alarms.acknowledge(rule, device)) return { rule, device }
    const sentence = `expected an alarm of /api/alarms, got ${quote(rule)} of ${quote(device)}`
    throw new HubError('bad-payload', sentence)
  }
  return new Map<string, Route>([
    [
      '/api/alarms',
      { get: (exchange) => asOperator(asUser, exchange, () => ({ alarms: alarms.list() })) },
    ],
    [
      '/api/acknowledge',
      { post: (exchange, body) => asOperator(asUser, exchange, () => acknowledge(body)) },
    ],
  ])
}
