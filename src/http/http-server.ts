import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { ConnectionLimiter } from '../access/connection-limiter.ts'
import type { Certificate } from '../core/certificate.ts'
import { followHandshakes, keepAccepting, type ListenSettings, listen } from '../core/listen.ts'
import { pageHeaders, secureHeaders } from '../core/page-headers.ts'
import { type Refusal, refuseRequest, refuseUpgrade } from '../core/refusal.ts'
import { type Exchange, type Handshake, type Route, readsBody } from '../core/route.ts'
import type { Config } from '../generated/config.ts'
import { admitRequests, type Door } from './admit-requests.ts'
import { refuseBrokenRequests } from './broken-requests.ts'
import { checkRequest, type RequestCheckOptions, tooManyHeaders } from './check-request.ts'
import { sharingHeaders } from './cors.ts'
import { asksForWebsocket, putBackWithoutUpgrade } from './plain-upgrade.ts'
import { useOriginForm } from './request-target.ts'
import { answerRequest, answerUpgrade, runRoute } from './run-route.ts'

export interface HttpServerOptions extends RequestCheckOptions {
  readonly host: string
  readonly port: number
  /** What sets these two, for error messages. */
  readonly settings: ListenSettings
  /** With it, requests come by TLS. */
  readonly certificate?: Pick<Certificate, 'secure'>
  readonly limits: Readonly<Config['limits']['http']>
  readonly limiter: Pick<ConnectionLimiter, 'accept' | 'forward' | 'secured' | 'understood'>
}

export interface HttpServer {
  readonly port: number
  /** Stops listening and ends requests; upgraded sockets stay with those who took them over. */
  close(): void
}

export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, settings, certificate, sampledLog } = options
  const { server, closeHandshakes } =
    certificate === undefined ? openPlain(options) : openSecure(options, certificate)
  const openPort = await listen(server, { host, port, settings })
  const accepting = keepAccepting(server, { host, port: openPort, sampledLog })
  return {
    port: openPort,
    close: () => {
      accepting.close()
      closeHandshakes()
      server.closeAllConnections()
    },
  }
}

interface OpenedServer {
  readonly server: Server | SecureServer
  closeHandshakes(): void
}

function openPlain(options: HttpServerOptions): OpenedServer {
  const server = createServer(serverOptions(options.limits))
  serveRequests(server, options)
  return { server, closeHandshakes: () => {} }
}

function openSecure(options: HttpServerOptions, certificate: Pick<Certificate, 'secure'>) {
  const { limits, limiter, sampledLog } = options
  const handshakeTimeout = limits.headerSeconds * 1000
  const server = createSecureServer({ ...serverOptions(limits), handshakeTimeout })
  certificate.secure(server)
  const door = serveRequests(server, options)
  const onSecure: Parameters<typeof followHandshakes>[1]['onSecure'] = (secure, connection) => {
    limiter.secured(secure, connection)
    door.secured(secure, connection)
  }
  const handshakes = followHandshakes(server, { sampledLog, onSecure })
  return { server, closeHandshakes: handshakes.close }
}

/** Answers the requests to a server, plain or not, by the routes of `options`. */
function serveRequests(server: Server | SecureServer, options: HttpServerOptions): Door {
  const { limits, limiter, forwarding, sampledLog } = options
  // Node's own listener is the first one, and reads requests from a socket.
  const [readRequests] = server.listeners(
    options.certificate === undefined ? 'connection' : 'secureConnection',
  )
  // Node leaves out the headers past this number; one more shows that there were too many.
  server.maxHeadersCount = limits.headers + 1
  // Who sends more without waiting for the answer is not read to the end: that could be megabytes.
  server.maxRequestsPerSocket = 1
  server.on('dropRequest', (_request, socket) => socket.destroy())
  const door = admitRequests(server, { limiter, forwarding })
  const answerTo = (request: IncomingMessage, isUpgrade = false) => {
    limiter.understood(request.socket)
    useOriginForm(request)
    return checkRequest({ request, isUpgrade, refusalAtTheDoor: door.refusalOf(request) }, options)
  }
  const serve = (answer: Route | Refusal, exchange: Exchange) => {
    const { request, response } = exchange
    // Who is answered makes room. A body that nobody reads ends with the connection.
    response.shouldKeepAlive = false
    const secure = forwarding.isSecure(request) ? secureHeaders(request.headers.host) : {}
    const shared = 'any' in answer ? {} : sharingHeaders(request, options.origins)
    response.setHeaders(new Map(Object.entries({ ...pageHeaders, ...secure, ...shared })))
    if ('status' in answer) return refuseRequest(response, answer)
    if ('upgrade' in answer && !('any' in answer)) return refuseRequest(response, websocketsOnly)
    return runRoute(answer, exchange, options)
  }
  server.on('request', (request, response) => {
    answerRequest(response, () => serve(answerTo(request), { request, response }), sampledLog)
  })
  // RFC 9110, 10.1.1: a final answer in place of 100 tells the client to keep its body.
  server.on('checkContinue', (request, response) => {
    const answerContinued = () => {
      const answer = answerTo(request)
      if (!('status' in answer) && readsBody(answer, request)) response.writeContinue()
      return serve(answer, { request, response })
    }
    answerRequest(response, answerContinued, sampledLog)
  })
  const ignoreUpgrade = ({ request, socket, head }: Handshake) => {
    const refusal = tooManyHeaders(request, options)
    if (refusal !== undefined) return refuseUpgrade(socket, refusal)
    putBackWithoutUpgrade({ request, socket, head })
    if (readRequests !== undefined) Reflect.apply(readRequests, server, [socket])
  }
  server.on('upgrade', (request, socket, head) => {
    const upgrade = () => {
      if (!asksForWebsocket(request)) return ignoreUpgrade({ request, socket, head })
      const answer = answerTo(request, true)
      if ('status' in answer) return refuseUpgrade(socket, answer)
      if ('upgrade' in answer) return answer.upgrade({ request, socket, head })
      return refuseUpgrade(socket, noWebsockets)
    }
    answerUpgrade(socket, upgrade, sampledLog)
  })
  refuseBrokenRequests(server, sampledLog)
  return door
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
