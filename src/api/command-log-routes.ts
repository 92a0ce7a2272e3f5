import type { IncomingMessage } from 'node:http'
import { readTime } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import type { Route } from '../core/route.ts'
import { checkTopic, type TopicLimits } from '../core/topic.ts'
import type { AuditLog, AuditQuery } from '../nodes/commands/audit-log.ts'
import { asOperator } from './as-operator.ts'
import type { AsUser } from './as-user.ts'

export interface CommandLogRoutesOptions {
  readonly asUser: AsUser
  readonly auditLog: Pick<AuditLog, 'read'>
  readonly topicLimits: TopicLimits
}

const usualLimit = 100
const longestLimit = 1000
const known = ['device', 'since', 'limit']

/** By path: for operators and admins, who commanded what, and what became of it. */
export function commandLogRoutes(options: CommandLogRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, auditLog, topicLimits } = options
  const read = async (request: IncomingMessage) => ({
    commands: await auditLog.read(queryOf(request, topicLimits)),
  })
  return new Map<string, Route>([
    [
      '/api/commands',
      { get: (exchange) => asOperator(asUser, exchange, () => read(exchange.request)) },
    ],
  ])
}

/** @throws HubError `bad-query` or, for the device, `bad-topic`. */
function queryOf({ url }: IncomingMessage, topicLimits: TopicLimits): AuditQuery {
  const parameters = new URLSearchParams(String(url).replace(/^[^?]*/, ''))
  const unknown = [...parameters.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) throw badQuery('device, since or limit', unknown)
  const { device, since, limit } = Object.fromEntries(parameters)
  if (device !== undefined) checkTopic(device, topicLimits)
  return { device, since: timeIn(since, Date.now()), limit: limitIn(limit) }
}

/** Milliseconds since 1970. */
function timeIn(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined
  return readTime(text, { name: 'since', code: 'bad-query', nowMs, takesNumbers: true })
}

function limitIn(text: string | undefined): number {
  const limit = text === undefined ? usualLimit : wholeNumberIn(text)
  if (limit >= 1 && limit <= longestLimit) return limit
  throw badQuery(`limit to be 1 to ${longestLimit}`, String(text))
}

function wholeNumberIn(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}

function badQuery(expected: string, got: string): HubError {
  return new HubError('bad-query', `expected ${expected}, got ${quote(got)}`)
}
