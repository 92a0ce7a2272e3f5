/** What answers tell browsers: what pages may do, and which pages of other origins may read them. */

import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Origins } from '../access/origin.ts'
import { type GetRoute, methodsOf, type Route } from '../core/route.ts'

/**
 * What every answer tells browsers: to load and to connect to nothing but the hub, to show it inside
 * of no other page, to believe its content types, and to give neither its address nor its data away.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** The same for what a page of the same origin shows inside of it. */
export const framedHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `${pageHeaders['Content-Security-Policy']}`.replace(
    "frame-ancestors 'none'",
    "frame-ancestors 'self'",
  ),
}

/** RFC 6797: half a year, for this name only. */
const strictTransport = { 'Strict-Transport-Security': 'max-age=15552000' }

/**
 * What an answer by TLS adds: to come by TLS only from now on. It holds for a name and all of its
 * ports, so it is not said for localhost, where other programs listen; for an address it means nothing.
 */
export function secureHeaders(hostHeader = ''): Readonly<Record<string, string>> {
  const name = hostHeader.replace(/:\d+$/, '').toLowerCase()
  const isShared = name === 'localhost' || name.startsWith('[') || isIP(name) !== 0
  return isShared ? {} : strictTransport
}

/**
 * CORS (the Fetch standard, 3.2): what every answer tells the page of a listed origin, and nobody else. With
 * credentials no `*` would do.
 */
export function sharingHeaders(
  request: IncomingMessage,
  origins: Pick<Origins, 'listedOf'>,
): Readonly<Record<string, string>> {
  const origin = origins.listedOf(request)
  if (origin === undefined) return {}
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'Content-Disposition, Retry-After, WWW-Authenticate',
    Vary: 'Origin',
  }
}

/** How long a browser need not ask again. */
const maxAgeSeconds = 600

/** The answer to a browser that asks whether a page of a listed origin may send what it is about to. */
export function preflightOf(
  request: IncomingMessage,
  route: Route,
  origins: Pick<Origins, 'listedOf'>,
): GetRoute | undefined {
  const isAsked = request.headers['access-control-request-method'] !== undefined
  if (request.method !== 'OPTIONS' || !isAsked || origins.listedOf(request) === undefined) return
  if (!('get' in route || 'post' in route)) return
  const headers = {
    'Access-Control-Allow-Methods': methodsOf(route)?.join(', '),
    'Access-Control-Allow-Headers': 'Authorization, Content-Type',
    'Access-Control-Max-Age': maxAgeSeconds,
  }
  return { get: ({ response }) => void response.writeHead(204, headers).end() }
}
