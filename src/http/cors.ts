/** CORS (the Fetch standard, 3.2): what lets pages of listed origins read answers. Nobody else is told anything. */
import type { IncomingMessage } from 'node:http'
import type { Origins } from '../access/origin.ts'
import { type GetRoute, methodsOf, type Route } from '../core/route.ts'

/** What every answer tells the page of a listed origin. With credentials no `*` would do. */
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
