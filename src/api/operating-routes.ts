/** What those who run the hub ask of it: whether it is well, all that it keeps, and what its dialects can do. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { mostSecurityEvents, type SecurityLog } from '../access/security-log.ts'
import { isRole } from '../access/user.ts'
import { HubError, quote } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import type { Exchange, GetRoute, Route } from '../core/route.ts'
import type { Operation } from '../dialects/served-dialect.ts'
import { type AsUser, asAdmin, asOperator } from './as-user.ts'
import { badQuery, readQuery, sendError, sendJson } from './json-exchange.ts'

/** What operators may ask of one dialect. */
export interface ServedOperations {
  readonly dialect: string
  readonly operations: ReadonlyMap<string, Operation>
}

const folder = '/api/dialects/'

/** What is asked of a dialect that is not served here; undefined for other paths. */
export function unservedRoute(path: string): Route | undefined {
  if (!path.startsWith(folder)) return undefined
  const [dialect = ''] = path.slice(folder.length).split('/')
  const sentence = `expected an entry for ${quote(dialect)} under dialects in the configuration`
  const error = new HubError('not-served', sentence)
  return { post: ({ response }) => sendError(response, error, 404) }
}

/**
 * `POST /api/dialects/<dialect>/<operation>`, for operators and admins. Where a dialect is served more
 * than once each of them is asked, and the last one answers.
 */
export function operationRoutes(
  asUser: AsUser,
  served: readonly ServedOperations[],
): Map<string, Route> {
  const byPath = new Map<string, Operation[]>()
  for (const { dialect, operations } of served) {
    for (const [name, operation] of operations) {
      const path = `${folder}${dialect}/${name}`
      byPath.set(path, [...(byPath.get(path) ?? []), operation])
    }
  }
  const routes = [...byPath].map(([path, operations]) => [path, route(asUser, operations)] as const)
  return new Map(routes)
}

function route(asUser: AsUser, operations: readonly Operation[]): Route {
  return {
    post: (exchange, body) =>
      asOperator(asUser, exchange, async (user) => {
        const asked = parseJson(body)
        if (asked === undefined) throw new HubError('bad-payload', 'expected JSON as the body')
        let answer: unknown
        for (const operation of operations) answer = await operation(asked, user)
        return answer
      }),
  }
}

export interface BackupRouteOptions {
  readonly asUser: AsUser
  /** What is kept, line by line; undefined when nothing is. */
  readonly lines: (() => AsyncIterable<string>) | undefined
}

/** Sends an admin all that the hub keeps; who was disconnected sees that by the missing last line. */
export function backupRoute({ asUser, lines }: BackupRouteOptions): Route {
  return {
    post: (exchange) =>
      asUser(exchange, async ({ role = 'none' }) => {
        const { response } = exchange
        if (role !== 'admin') return sendError(response, forbidden(role))
        if (lines === undefined) return sendError(response, nothingKept, 409)
        response.writeHead(200, {
          'Content-Type': 'application/x-ndjson',
          'Cache-Control': 'no-store',
        })
        await pipeline(Readable.from(lines()), response)
      }),
  }
}

function forbidden(role: string): HubError {
  return new HubError('forbidden', `expected a user of role admin, got role ${role}`)
}

const nothingKept = new HubError(
  'cannot-read-store',
  'expected a hub with a data folder, got one that keeps everything in memory',
)

interface SecurityLogRouteOptions {
  readonly asUser: AsUser
  readonly securityLog: Pick<SecurityLog, 'latest'>
}

const usualEvents = 100

/** `GET /api/security-log`: what concerned security lately, the newest first, for admins. */
export function securityLogRoute({ asUser, securityLog }: SecurityLogRouteOptions): GetRoute {
  return {
    get: (exchange) =>
      asAdmin(asUser, exchange, () => {
        const { limit = String(usualEvents) } = readQuery(exchange.request, ['limit'])
        const most = /^\d{1,4}$/.test(limit) ? Number(limit) : 0
        if (most >= 1 && most <= mostSecurityEvents) return { events: securityLog.latest(most) }
        throw badQuery(`limit to be 1 to ${mostSecurityEvents}`, limit)
      }),
  }
}

export interface MetricsText {
  readonly contentType: string
  text(): Promise<string>
}

/** `GET /metrics` for whoever may look at the hub; nodes need to know nothing of it. */
export function metricsRoute(metrics: MetricsText, asUser: AsUser): GetRoute {
  return {
    get: (exchange) =>
      asUser(exchange, async ({ role = 'none' }) => {
        const mayLook = isRole(role) && role !== 'node'
        if (mayLook) return sendMetrics(exchange, metrics)
        const sentence = `expected a user of role viewer, operator or admin, got role ${role}`
        sendError(exchange.response, new HubError('forbidden', sentence))
      }),
  }
}

/** The same for everybody, on a port of its own. */
export function openMetricsRoute(metrics: MetricsText): GetRoute {
  return { get: (exchange) => sendMetrics(exchange, metrics) }
}

async function sendMetrics({ response }: Exchange, metrics: MetricsText): Promise<void> {
  const text = await metrics.text()
  response.writeHead(200, { 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' })
  response.end(text)
}

/** Whether a hub can do all that it promises. */
export interface Readiness {
  /** To be called once all of it is open; `busError` says why a broker that somebody else runs is not there. */
  started(busError?: () => string | undefined): void
  /** Why it cannot; undefined while it can. */
  unready(): string | undefined
  /** What the clients of other systems are told. */
  state(): 'starting' | 'overloaded' | 'ready'
}

export interface ReadinessOptions {
  /** Why nothing can be written now. */
  storeError(): string | undefined
  isOverloaded(): boolean
  /** Aborts before the hub does its last things. */
  readonly ending: AbortSignal
}

/** Of a hub that is about to start. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { storeError, isOverloaded, ending } = options
  let isStarted = false
  let busErrorNow: () => string | undefined = () => undefined
  return {
    started: (busError = busErrorNow) => {
      isStarted = true
      busErrorNow = busError
    },
    unready: () => {
      if (ending.aborted) return 'the hub is ending'
      return isStarted ? (storeError() ?? busErrorNow()) : 'the hub is starting'
    },
    state: () => {
      if (!isStarted || ending.aborted) return 'starting'
      return isOverloaded() ? 'overloaded' : 'ready'
    },
  }
}

interface BusRouteOptions {
  readonly asUser: AsUser
  /** How the broker is beside which the hub runs; undefined where it is the broker. */
  readonly state: (() => object) | undefined
}

/** `GET /api/bus`: whether the bus is there, and why not, for whoever is signed in. */
export function busRoute({
  asUser,
  state = () => ({ state: 'embedded' }),
}: BusRouteOptions): GetRoute {
  return {
    get: (exchange) => asUser(exchange, () => sendJson(exchange.response, state())),
  }
}

/** `GET /api/hubs`: which hubs are there, and which of them commands, for whoever is signed in; not where there is one. */
export function hubsRoute(
  hubs: { readonly state: object } | undefined,
  asUser: AsUser,
): [path: string, route: GetRoute][] {
  if (hubs === undefined) return []
  const get: GetRoute['get'] = (exchange) =>
    asUser(exchange, () => sendJson(exchange.response, hubs.state))
  return [['/api/hubs', { get }]]
}

interface StatusesRouteOptions {
  readonly asUser: AsUser
  /** How each system that the hub dials is, or each bridge. */
  readonly statuses: () => readonly object[]
}

/** `GET /api/upstreams` and `GET /api/bridges`: whether each is there, and why not, for whoever is signed in. */
export function statusesRoute(
  name: 'upstreams' | 'bridges',
  { asUser, statuses }: StatusesRouteOptions,
): GetRoute {
  return {
    get: (exchange) => asUser(exchange, () => sendJson(exchange.response, { [name]: statuses() })),
  }
}

export interface Probes {
  /** What `/healthz` tells besides that the hub is well. */
  health(): Record<string, unknown>
  /** Why the hub is not ready, as `/readyz` tells; undefined when it is. */
  unready(): string | undefined
}

/** By path: what load balancers and service managers ask. */
export function probeRoutes({ health, unready }: Probes): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    [
      '/healthz',
      { isProbe: true, get: ({ response }) => sendJson(response, { status: 'ok', ...health() }) },
    ],
    ['/readyz', { isProbe: true, get: ({ response }) => sendReadiness(response, unready()) }],
  ])
}

/** Apart from `/healthz`: a hub that waits for room on its disk must not be restarted for that. */
function sendReadiness(response: ServerResponse, reason: string | undefined): void {
  if (reason === undefined) sendJson(response, { status: 'ready' })
  else sendJson(response, { status: 'not-ready', reason }, 503)
}
