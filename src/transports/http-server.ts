import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { isKnownHost } from '../access/host.ts'
import { quote } from '../core/errors.ts'
import { listen } from '../core/listen.ts'
import { type Refusal, refuseRequest, refuseUpgrade } from './refusal.ts'

/** What is served on a path: an answer to GET, or websockets. */
export type Route =
  | { readonly get: (response: ServerResponse) => void }
  | { readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void }

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  /** Names besides `localhost` and literal addresses that the Host header may carry. */
  readonly knownHosts: readonly string[]
  /** What is served on a path, which comes without its query; undefined is answered with 404. */
  routeOf(path: string): Route | undefined
}

export interface HttpServer {
  readonly port: number
  /** Stops listening and ends requests; upgraded sockets stay with those who took them over. */
  close(): void
}

/** Node's own defaults let a slow client hold a socket for minutes. */
const limits = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
}

export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port } = options
  const server = createServer({ ...limits, noDelay: true })
  server.on('request', (request, response) => {
    const route = findRoute(request, options)
    if ('status' in route) refuseRequest(response, route)
    else if ('get' in route) route.get(response)
    else refuseRequest(response, websocketsOnly)
  })
  server.on('upgrade', (request, socket, head) => {
    const route = findRoute(request, options)
    if ('status' in route) refuseUpgrade(socket, route)
    else if ('get' in route) refuseUpgrade(socket, noWebsockets)
    else route.upgrade(request, socket, head)
  })
  return {
    port: await listen(server, { host, port, setting: 'CLOWN_HTTP_PORT' }),
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const websocketsOnly: Refusal = {
  status: 426,
  reason: 'expected a websocket, got a plain request',
  headers: { Upgrade: 'websocket' },
}

const noWebsockets: Refusal = {
  status: 400,
  reason: 'expected a plain request on this path, got an upgrade',
}

/** Cheap checks first: path, then Host, then method. */
function findRoute(request: IncomingMessage, options: HttpServerOptions): Route | Refusal {
  const { url, method, headers } = request
  const path = String(url).replace(/\?.*$/s, '')
  const route = options.routeOf(path)
  if (route === undefined) return { status: 404, reason: `nothing is served on ${quote(path)}` }
  if (!isKnownHost(headers.host, options.knownHosts)) return unknownHost(headers.host)
  if (method === 'GET' || (method === 'HEAD' && 'get' in route)) return route
  return {
    status: 405,
    reason: `expected GET, got ${method}`,
    headers: { Allow: 'get' in route ? 'GET, HEAD' : 'GET' },
  }
}

function unknownHost(host: string | undefined): Refusal {
  const got = host === undefined ? 'none' : quote(host)
  return { status: 421, reason: `expected a host name from http.hosts in the config, got ${got}` }
}
