import type { IncomingMessage } from 'node:http'
import type { Bans } from '../access/bans.ts'
import { type ConnectionLimiter, tooManyConnections } from '../access/connection-limiter.ts'
import type { Forwarding } from '../access/forwarding.ts'
import type { Ingress } from '../access/ingress.ts'
import { isKnownHost, type Origins } from '../access/origin.ts'
import { parseBearer } from '../access/sign-in.ts'
import { quote } from '../core/errors.ts'
import { type HttpError, methodsOf, type Route, readsBody } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { announcesMoreThan, bodyTooBig } from './answers.ts'
import { preflightOf } from './browser-headers.ts'

export interface RequestCheckOptions {
  /** What a reverse proxy may leave before the paths of the hub: `/hub`, or nothing. */
  readonly pathPrefix: string
  /** Names besides `localhost` and literal addresses that the Host header may carry. */
  readonly knownHosts: readonly string[]
  readonly limits: Readonly<Config['limits']['http']>
  readonly limiter: Pick<ConnectionLimiter, 'forward'>
  readonly bans: Pick<Bans, 'refusal'>
  readonly forwarding: Forwarding
  readonly ingress: Pick<Ingress, 'isBehind'>
  readonly sampledLog: SampledLog
  readonly origins: Origins
  /** What is served on a path, which comes without its query; undefined is answered with 404. */
  routeOf(path: string): Route | undefined
}

/** A request, and what is known of it besides. */
export interface ArrivedRequest {
  readonly request: IncomingMessage
  readonly isUpgrade: boolean
  /** There for what came on a connection that was past a limit. */
  readonly limitError: HttpError | undefined
}

/**
 * Cheap checks first, and what a page of a foreign origin may not even ask before all that it could find
 * out: bans, path, Host, Origin, limits per address, capacity, method. Whoever serves the route asks for
 * credentials last.
 */
export function checkRequest(arrived: ArrivedRequest, options: RequestCheckOptions) {
  const { request } = arrived
  const headers = tooManyHeaders(request, options)
  if (headers !== undefined) return headers
  const ban = options.bans.refusal({ address: options.forwarding.clientAddress(request) })
  if (ban !== undefined) return ban
  const path = pathOf(request, options.pathPrefix)
  if (path === options.pathPrefix && path !== '') return withSlash(path)
  const route = options.routeOf(path)
  if (route === undefined) return notFound
  return (
    unknownHost(request, route, options) ??
    foreignOrigin(arrived, route, options) ??
    pastItsLimit(arrived, options) ??
    arrived.limitError ??
    preflightOf(request, route, options.origins) ??
    wrongMethod(request, route) ??
    tooBig(request, route, options) ??
    route
  )
}

/** Constant, so that nothing a client wrote comes back to be read as something else. */
const notFound: HttpError = { status: 404, reason: 'nothing is served on this path' }

const foreign: HttpError = {
  status: 403,
  reason:
    'expected a page of the hub or of an origin in http.origins, or credentials that the page itself gives: ' +
    'a first message (?sign-in=message), a ticket or a token',
}

/** The links of the pages below are relative, so that they hold with a prefix and without one. */
function withSlash(path: string): HttpError {
  const Location = `${path}/`
  return { status: 308, reason: `this is at ${Location}`, headers: { Location } }
}

/** RFC 9112, 3.2. */
const manyHosts: HttpError = { status: 400, reason: 'expected one Host header, got more' }

export function tooManyHeaders(
  { rawHeaders }: IncomingMessage,
  { limits, sampledLog }: Pick<RequestCheckOptions, 'limits' | 'sampledLog'>,
): HttpError | undefined {
  // Names and values alternate.
  if (rawHeaders.length / 2 <= limits.headers) return undefined
  sampledLog.warn('http-refused', { status: 431 }, 'a request had too many headers')
  return { status: 431, reason: `expected at most ${limits.headers} headers` }
}

/** A proxy may leave the prefix or take it off: both are understood. */
function pathOf({ url }: IncomingMessage, prefix: string): string {
  const path = String(url).replace(/\?.*$/s, '')
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path
}

function unknownHost(
  request: IncomingMessage,
  route: Route,
  { knownHosts, ingress }: Pick<RequestCheckOptions, 'knownHosts' | 'ingress'>,
): HttpError | undefined {
  const { headers, rawHeaders, httpVersion } = request
  const { host } = headers
  if (hasManyHosts(rawHeaders)) return manyHosts
  // Of Home Assistant's name only that knows.
  if (isKnownHost(host, knownHosts) || ingress.isBehind(request)) return undefined
  // No browser speaks HTTP/1.0, so no page is behind it.
  const isProbe = 'get' in route && route.isProbe === true
  if (isProbe && host === undefined && httpVersion === '1.0') return undefined
  const got = host === undefined ? 'none' : quote(host)
  return { status: 421, reason: `expected a host name from http.hosts in the config, got ${got}` }
}

/**
 * Looks into the headers as they came: `headersDistinct` throws at a header named `__proto__` in many
 * versions of Node.js (CVE-2026-21710).
 */
function hasManyHosts(rawHeaders: readonly string[]): boolean {
  // Names and values alternate.
  const isHost = (text: string, at: number) => at % 2 === 0 && text.toLowerCase() === 'host'
  const first = rawHeaders.findIndex(isHost)
  return rawHeaders.findLastIndex(isHost) > first
}

function foreignOrigin(
  { request, isUpgrade }: ArrivedRequest,
  route: Route,
  { origins, forwarding, sampledLog }: RequestCheckOptions,
): HttpError | undefined {
  const foreignOrigin = origins.foreignOf(request)
  if (foreignOrigin === undefined || ('any' in route && route.checksOrigin)) return undefined
  if ('get' in route && route.isPublic === true) return undefined
  const isExplicit =
    isUpgrade && 'upgrade' in route
      ? route.isSignedInExplicitly?.(request)
      : parseBearer(request.headers.authorization) !== undefined && !('any' in route)
  if (isExplicit && origins.mayForeignSignIn) return undefined
  const address = forwarding.clientAddress(request)
  const fields = { origin: foreignOrigin.slice(0, 100), address }
  sampledLog.warn('origin-refused', fields, 'a page of another origin was refused')
  return foreign
}

/** Clients of a proxy share its connections, so each request is counted for the address it is from. */
function pastItsLimit(
  { request, isUpgrade }: ArrivedRequest,
  { forwarding, limiter }: RequestCheckOptions,
): HttpError | undefined {
  if (!forwarding.isProxy(request.socket.remoteAddress)) return undefined
  const address = forwarding.clientAddress(request)
  return limiter.forward(request.socket, { address, isUpgrade }) && tooManyConnections
}

function wrongMethod({ method }: IncomingMessage, route: Route): HttpError | undefined {
  const allowed = methodsOf(route)
  if (allowed === undefined || allowed.includes(String(method))) return undefined
  const expected = allowed.filter((each) => each !== 'HEAD').join(' or ')
  return {
    status: 405,
    reason: `expected ${expected}, got ${method}`,
    headers: { Allow: allowed.join(', ') },
  }
}

/** A body that tells its size is refused before it is sent. */
function tooBig(
  request: IncomingMessage,
  route: Route,
  options: RequestCheckOptions,
): HttpError | undefined {
  if (!readsBody(route, request) || !announcesMoreThan(request, options.limits.bodyBytes))
    return undefined
  return bodyTooBig(options)
}
