import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionGate } from '../access/connection-gate.ts'
import { isKnownHost } from '../access/host.ts'
import { quote, systemCodeOf } from '../core/errors.ts'
import { keepAccepting } from '../core/keep-accepting.ts'
import { listen } from '../core/listen.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { admitRequests } from './admit-requests.ts'
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
  readonly limits: Readonly<Config['limits']['http']>
  readonly gate: Pick<ConnectionGate, 'admit'>
  readonly sampledLog: SampledLog
  /** What is served on a path, which comes without its query; undefined is answered with 404. */
  routeOf(path: string): Route | undefined
}

export interface HttpServer {
  readonly port: number
  /** Stops listening and ends requests; upgraded sockets stay with those who took them over. */
  close(): void
}

export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, limits, gate, sampledLog } = options
  const server = createServer(serverOptions(limits))
  // Node leaves out the headers past this number; one more shows that there were too many.
  server.maxHeadersCount = limits.headers + 1
  // Who sends more without waiting for the answer is not read to the end: that could be megabytes.
  server.maxRequestsPerSocket = 1
  server.on('dropRequest', (_request, socket) => socket.destroy())
  const refusalAtTheDoor = admitRequests(server, gate)
  const answerTo = (request: IncomingMessage) =>
    refusalAtTheDoor(request) ?? tooManyHeaders(request, options) ?? findRoute(request, options)
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    // Who is answered makes room. A body that nobody reads ends with the connection.
    response.shouldKeepAlive = false
    const answer = answerTo(request)
    if ('status' in answer) refuseRequest(response, answer)
    else if ('get' in answer) answer.get(response)
    else refuseRequest(response, websocketsOnly)
  }
  server.on('request', serve)
  // RFC 9110, 10.1.1: a final answer in place of 100 tells the client to keep its body.
  server.on('checkContinue', serve)
  server.on('upgrade', (request, socket, head) => {
    const answer = answerTo(request)
    if ('status' in answer) refuseUpgrade(socket, answer)
    else if ('get' in answer) refuseUpgrade(socket, noWebsockets)
    else answer.upgrade(request, socket, head)
  })
  refuseBrokenRequests(server, sampledLog)
  const openPort = await listen(server, { host, port, setting: 'CLOWN_HTTP_PORT' })
  const accepting = keepAccepting(server, { host, port: openPort, sampledLog })
  return {
    port: openPort,
    close: () => {
      accepting.close()
      server.closeAllConnections()
    },
  }
}

/** Node's own defaults let a slow client hold a socket for minutes. Its timers end at an upgrade. */
function serverOptions({
  headerBytes,
  headerSeconds,
  requestSeconds,
}: HttpServerOptions['limits']): ServerOptions {
  return {
    maxHeaderSize: headerBytes,
    // The headers are a part of the request; Node does not accept a longer time for the part.
    headersTimeout: Math.min(headerSeconds, requestSeconds) * 1000,
    requestTimeout: requestSeconds * 1000,
    connectionsCheckingInterval: 1000,
    noDelay: true,
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

/** Constant, so that nothing a client wrote comes back to be read as something else. */
const notFound: Refusal = { status: 404, reason: 'nothing is served on this path' }

/** Cheap checks first: path, then Host, then method. */
function findRoute(request: IncomingMessage, options: HttpServerOptions): Route | Refusal {
  const { url, method, headers } = request
  const path = String(url).replace(/\?.*$/s, '')
  const route = options.routeOf(path)
  if (route === undefined) return notFound
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

function tooManyHeaders(
  { rawHeaders }: IncomingMessage,
  { limits, sampledLog }: HttpServerOptions,
): Refusal | undefined {
  // Names and values alternate.
  if (rawHeaders.length / 2 <= limits.headers) return undefined
  sampledLog.warn('http-refused', { status: 431 }, 'a request had too many headers')
  return { status: 431, reason: `expected at most ${limits.headers} headers` }
}

/** Answers what Node could not read as a request, or gave up waiting for. */
function refuseBrokenRequests(server: Server, sampledLog: SampledLog): void {
  server.on('clientError', (error, socket) => {
    // Answered already, and cut soon: what else it sends is of no interest.
    if (socket.writableEnded) return
    const refusal = refusalOf(String(systemCodeOf(error)))
    if (refusal === undefined) {
      socket.destroy()
      return
    }
    sampledLog.warn('http-refused', { status: refusal.status }, refusal.reason)
    refuseUpgrade(socket, refusal)
  })
}

/** Undefined when the connection itself broke: nobody is there to be answered. */
function refusalOf(code: string): Refusal | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, reason: 'expected shorter headers' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, reason: 'expected a complete request sooner' }
  // The other errors of Node's parser begin with the same letters.
  return code.startsWith('HPE_') ? { status: 400, reason: 'expected an HTTP request' } : undefined
}
