import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import {
  type ConnectionLimit,
  type ConnectionLimiter,
  tooManyConnections,
} from '../access/connection-limiter.ts'
import type { Certificate } from '../core/certificate.ts'
import { systemCodeOf } from '../core/errors.ts'
import { followHandshakes, keepAccepting, type ListenSettings, listen } from '../core/listen.ts'
import {
  type Exchange,
  type Handshake,
  type HttpError,
  type Route,
  readsBody,
} from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import {
  answerRequest,
  answerUpgrade,
  exchangeOf,
  handshakeOf,
  refuseUpgrade,
  runRoute,
} from './answers.ts'
import { framedHeaders, pageHeaders, secureHeaders, sharingHeaders } from './browser-headers.ts'
import { checkRequest, type RequestCheckOptions, tooManyHeaders } from './check-request.ts'

export interface HttpServerOptions extends RequestCheckOptions {
  readonly host: string
  readonly port: number
  /** What sets these two, for error messages. */
  readonly settings: ListenSettings
  /** With it, requests come by TLS. */
  readonly certificate?: Pick<Certificate, 'secure' | 'asks'>
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

function openSecure(options: HttpServerOptions, certificate: Pick<Certificate, 'secure' | 'asks'>) {
  const { limits, limiter, sampledLog } = options
  const handshakeTimeout = limits.headerSeconds * 1000
  const server = createSecureServer({
    ...serverOptions(limits),
    handshakeTimeout,
    ...certificate.asks,
  })
  certificate.secure(server)
  const connections = serveRequests(server, options)
  const onSecure: Parameters<typeof followHandshakes>[1]['onSecure'] = (secure, connection) => {
    limiter.secured(secure, connection)
    connections.secured(secure, connection)
  }
  const handshakes = followHandshakes(server, { sampledLog, onSecure })
  return { server, closeHandshakes: handshakes.close }
}

/** Answers the requests to a server, plain or not, by the routes of `options`. */
function serveRequests(
  server: Server | SecureServer,
  options: HttpServerOptions,
): LimitedConnections {
  const { limits, limiter, sampledLog } = options
  // Node's own listener is the first one, and reads requests from a socket.
  const [readRequests] = server.listeners(
    options.certificate === undefined ? 'connection' : 'secureConnection',
  )
  // Node leaves out the headers past this number; one more shows that there were too many.
  server.maxHeadersCount = limits.headers + 1
  // Who sends more without waiting for the answer is not read to the end: that could be megabytes.
  server.maxRequestsPerSocket = 1
  server.on('dropRequest', (_request, socket) => socket.destroy())
  const connections = limitConnections(server, options)
  const check = (request: IncomingMessage, isUpgrade = false) => {
    limiter.understood(request.socket)
    useOriginForm(request)
    const limitError = connections.errorOf(request)
    return checkRequest({ request, isUpgrade, limitError }, options)
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const exchange = exchangeOf(request, response, options.ingress.isBehind(request))
    answerRequest(exchange, () => serve(check(request), exchange, options), sampledLog)
  }
  server.on('request', onRequest)
  // RFC 9110, 10.1.1: a final answer in place of 100 tells the client to keep its body.
  server.on('checkContinue', (request, response) => {
    const exchange = exchangeOf(request, response, options.ingress.isBehind(request))
    const answerContinued = () => {
      const answer = check(request)
      if (!('status' in answer) && readsBody(answer, request)) response.writeContinue()
      return serve(answer, exchange, options)
    }
    answerRequest(exchange, answerContinued, sampledLog)
  })
  server.on('upgrade', (request, socket, head) => {
    const handshake = handshakeOf(request, socket, head)
    const readOn = () => {
      if (readRequests !== undefined) Reflect.apply(readRequests, server, [socket])
    }
    const upgrade = () =>
      asksForWebsocket(request)
        ? serveUpgrade(check(request, true), handshake)
        : ignoreUpgrade(handshake, readOn, options)
    answerUpgrade(handshake, upgrade, sampledLog)
  })
  refuseBrokenRequests(server, sampledLog)
  return connections
}

/** Answers a plain request, by what its check has found. */
function serve(
  answer: Route | HttpError,
  exchange: Exchange,
  options: HttpServerOptions,
): Promise<void> | void {
  const { request, response, isFramed, refuse } = exchange
  // Who is answered makes room. A body that nobody reads ends with the connection.
  response.shouldKeepAlive = false
  const isSecure = options.forwarding.isSecure(request)
  const secure = isSecure ? secureHeaders(request.headers.host) : {}
  const shared = 'any' in answer ? {} : sharingHeaders(request, options.origins)
  const framed = isFramed ? framedHeaders : {}
  response.setHeaders(new Map(Object.entries({ ...pageHeaders, ...secure, ...shared, ...framed })))
  if ('status' in answer) return refuse(answer)
  if ('upgrade' in answer && !('any' in answer)) return refuse(websocketsOnly)
  return runRoute(answer, exchange, options)
}

function serveUpgrade(answer: Route | HttpError, handshake: Handshake): Promise<void> | void {
  if ('status' in answer) return handshake.refuse(answer)
  if ('upgrade' in answer) return answer.upgrade(handshake)
  return handshake.refuse(noWebsockets)
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

const websocketsOnly: HttpError = {
  status: 426,
  reason: 'expected a websocket, got a plain request',
  headers: { Upgrade: 'websocket' },
}

const noWebsockets: HttpError = {
  status: 400,
  reason: 'expected a plain request on this path, got an upgrade',
}

/** These say nothing against the client; past the others its connection is ended without an answer. */
const answered: ReadonlySet<ConnectionLimit> = new Set(['memory', 'total', 'perAddress'])

/** How many refused sockets may wait for their request, which is what their answer belongs to. */
const maxWaiting = 64

/** The connections to a server, some of them past a limit. */
interface LimitedConnections {
  /** How to answer a request that came on a connection that was past a limit. */
  errorOf(request: IncomingMessage): HttpError | undefined
  /** Lets `secure`, the TLS socket on `connection`, stand for it. */
  secured(secure: Socket, connection: Socket): void
}

/** Asks the connection limiter about every connection to `server`. */
function limitConnections(
  server: Server | SecureServer,
  { limiter, forwarding }: HttpServerOptions,
): LimitedConnections {
  const waiting = new Set<Socket>()
  const wait = (socket: Socket) => {
    waiting.add(socket)
    socket.once('close', () => waiting.delete(socket))
  }
  server.on('connection', (socket) => {
    const from = forwarding.isProxy(socket.remoteAddress) ? 'proxy' : 'client'
    const limit = limiter.accept(socket, from)
    if (limit === undefined) return
    if (answered.has(limit) && waiting.size < maxWaiting) wait(socket)
    else socket.destroy()
  })
  return {
    errorOf: ({ socket }) => (waiting.has(socket) ? tooManyConnections : undefined),
    secured: (secure, connection) => {
      if (waiting.delete(connection)) wait(secure)
    },
  }
}

/** What belongs to an upgrade, and is left out with it: RFC 9110, 7.8, and RFC 7540, 3.2.1. */
const upgradeFields: ReadonlySet<string> = new Set(['upgrade', 'http2-settings'])

/** Whether a request asks for the only protocol the hub can turn to. */
function asksForWebsocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * RFC 9110, 7.8: a server may ignore an upgrade, and then answers the request as it is. Node.js before 24 stops
 * reading HTTP at any of them, so the request is written anew, without the upgrade, before what follows it on
 * the socket: its body, if it has one. Then `readOn` reads it.
 */
function ignoreUpgrade(handshake: Handshake, readOn: () => void, options: HttpServerOptions): void {
  const { request, socket, head, refuse } = handshake
  const error = tooManyHeaders(request, options)
  if (error !== undefined) {
    refuse(error)
    return
  }
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    const isConnection = name.toLowerCase() === 'connection'
    if (upgradeFields.has(name.toLowerCase())) continue
    lines.push(`${name}: ${isConnection ? optionsBesideUpgrade(value) : value}`)
  }
  socket.unshift(head)
  // Node.js reads the head of a request as Latin-1.
  socket.unshift(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  readOn()
}

function optionsBesideUpgrade(value: string): string {
  const options = value.split(',').map((option) => option.trim())
  return options.filter((option) => !upgradeFields.has(option.toLowerCase())).join(', ')
}

/**
 * RFC 9112, 3.2.2: the target of a request may be a complete URL. Everybody behind this sees its path, and its
 * host in place of the one in the header.
 */
function useOriginForm(request: IncomingMessage): void {
  const [, authority, path] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is.exec(`${request.url}`) ?? []
  if (authority === undefined || path === undefined) return
  request.url = path.startsWith('/') ? path : `/${path}`
  request.headers.host = authority
}

/** Answers what Node could not read as a request, or gave up waiting for. */
function refuseBrokenRequests(server: Server, sampledLog: SampledLog): void {
  server.on('clientError', (error, socket) => {
    // Answered already, and destroyed soon: what else it sends is of no interest.
    if (socket.writableEnded) return
    const answer = errorOf(String(systemCodeOf(error)))
    if (answer === undefined) {
      socket.destroy()
      return
    }
    sampledLog.warn('http-refused', { status: answer.status }, answer.reason)
    refuseUpgrade(socket, answer)
  })
}

/** Undefined when the connection itself broke: nobody is there to be answered. */
function errorOf(code: string): HttpError | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, reason: 'expected shorter headers' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, reason: 'expected a complete request sooner' }
  // The other errors of Node's parser begin with the same letters.
  return code.startsWith('HPE_') ? { status: 400, reason: 'expected an HTTP request' } : undefined
}
