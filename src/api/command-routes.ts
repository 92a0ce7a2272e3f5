import type { IncomingMessage, ServerResponse } from 'node:http'
import { rightsOf } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import type { User } from '../access/user.ts'
import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Message, Receipt, ReceiptName } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { Exchange, Route } from '../core/route.ts'
import { checkTopic, type TopicLimits } from '../core/topic.ts'
import type { CommandRequest } from '../generated/command.ts'
import { validateCommandRequest } from '../generated/validate-requests.js'
import type { AuditLog, AuditQuery } from '../nodes/commands/audit-log.ts'
import { commandTopic, isDevice } from '../nodes/device.ts'
import { type AsUser, asOperator } from './as-user.ts'
import {
  limitIn,
  orSendError,
  readJson,
  readQuery,
  sendJson,
  sinceIn,
  statusOf,
} from './json-exchange.ts'

export interface CommandRouteOptions {
  readonly asUser: AsUser
  /** @throws HubError when the message may not go on the bus and nobody watches it. */
  enter(message: Message, sender: Sender): Message | undefined
  clientAddress(request: IncomingMessage): string
  readonly jsonLimits: JsonLimits
}

/** `POST /api/command`: sends a command and answers when it has ended. */
export function commandRoute(options: CommandRouteOptions): Route {
  return {
    post: (exchange, body) =>
      options.asUser(exchange, (user) =>
        orSendError(exchange.response, () =>
          command(
            readJson(body, validateCommandRequest, options.jsonLimits),
            { exchange, user },
            options,
          ),
        ),
      ),
  }
}

function command(
  { device, payload: value, timeoutSeconds, force }: CommandRequest,
  { exchange, user }: { exchange: Exchange; user: User },
  { enter, clientAddress }: CommandRouteOptions,
): void {
  const { request, response } = exchange
  if (!isDevice(device)) {
    const expected = 'expected the topic of a device, without /set'
    throw new HubError('bad-topic', `${expected}, got ${quote(device)}`)
  }
  const payload = Payload.ofValue(value)
  const sender = {
    user: user.name,
    rights: rightsOf(user),
    address: clientAddress(request),
    way: 'http',
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
    force,
    watcher: {
      changed: () => {},
      ended: (receipt: Receipt) => sendReceipt(response, device, receipt),
    },
  }
  enter({ topic: commandTopic(device), payload, qos: 1, retain: false }, sender)
}

function sendReceipt(response: ServerResponse, device: string, receipt: Receipt): void {
  const status = receipt.code ? statusOf(receipt.code) : statuses[receipt.receipt]
  sendJson(response, { device, ...receipt }, status)
}

/** RFC 9110, 15: how an HTTP client sees where a command is, mostly its end. */
const statuses: Readonly<Record<ReceiptName, number>> = {
  accepted: 202,
  sent: 202,
  'already-so': 202,
  confirmed: 200,
  refused: 400,
  superseded: 409,
  unknown: 500,
  mismatch: 502,
  'node-offline': 503,
  'timed-out': 504,
  'confirmed-late': 504,
}

export interface CommandLogRoutesOptions {
  readonly asUser: AsUser
  readonly auditLog: Pick<AuditLog, 'read'>
  readonly topicLimits: TopicLimits
}

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
function queryOf(request: IncomingMessage, topicLimits: TopicLimits): AuditQuery {
  const { device, since, limit } = readQuery(request, known, 'device, since or limit')
  if (device !== undefined) checkTopic(device, topicLimits)
  return { device, since: sinceIn(since), limit: limitIn(limit) }
}
