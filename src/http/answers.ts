/** How requests are answered: by their routes and with their bodies, or with an error. */

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { systemClock } from '../core/clock.ts'
import { reasonOf } from '../core/errors.ts'
import {
  type Exchange,
  type Handshake,
  type HttpError,
  type PlainRoute,
  type PostRoute,
  readsBody,
  type UpgradeAnswer,
} from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { framedHeaders, pageHeaders } from './browser-headers.ts'

export function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  isFramed: boolean,
): Exchange {
  const refuse = (error: HttpError) => {
    const framed = isFramed ? framedHeaders : {}
    response.writeHead(error.status, { ...headersOf(error), ...framed }).end(bodyOf(error))
  }
  return { request, response, isFramed, refuse }
}

export function handshakeOf(request: IncomingMessage, socket: Duplex, head: Buffer): Handshake {
  return {
    request,
    socket,
    head,
    refuse: (error) => refuseUpgrade(socket, error),
    answer: (answer) => endUpgrade(socket, answer),
  }
}

/** How long a refused socket may take to read its answer. */
const lingerMs = 1000

/**
 * Answers an upgrade request and ends its socket. Browsers send the credentials of a URL only in
 * answer to a 401, on a new connection; on a 401 whose socket stays open they repeat the request
 * where nobody listens any more, and hang.
 */
export function refuseUpgrade(socket: Duplex, error: HttpError): void {
  const { status } = error
  endUpgrade(socket, { status, headers: headersOf(error), body: bodyOf(error) })
}

function endUpgrade(socket: Duplex, { status, headers, body }: UpgradeAnswer): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  systemClock.after(lingerMs, () => socket.destroy())
}

function headersOf(error: HttpError): Record<string, string> {
  return {
    ...pageHeaders,
    'Content-Type': `${error.code === undefined ? 'text/plain' : 'application/json'}; charset=utf-8`,
    'Content-Length': String(Buffer.byteLength(bodyOf(error))),
    Connection: 'close',
    ...error.headers,
  }
}

function bodyOf({ code, reason }: HttpError): string {
  return `${code === undefined ? reason : JSON.stringify({ code, message: reason })}\n`
}

export interface RunOptions {
  readonly limits: Readonly<Config['limits']['http']>
  readonly sampledLog: SampledLog
}

const defect: HttpError = { status: 500, reason: 'the hub could not deal with this request' }

/**
 * Does what answers a plain request. A defect of ours on the way must not end the hub: it is answered
 * with 500 while that can still be said, and the connection is ended in the middle of an answer.
 */
export function answerRequest(
  { response, refuse }: Exchange,
  answer: () => Promise<void> | void,
  sampledLog: SampledLog,
): void {
  run(answer).catch((error: unknown) => {
    reportDefect(error, 'a request could not be answered', sampledLog)
    if (!response.headersSent) refuse(defect)
    else if (!response.writableEnded) response.destroy()
  })
}

/** Does what answers an upgrade, with the same care. */
export function answerUpgrade(
  { socket, refuse }: Handshake,
  answer: () => Promise<void> | void,
  sampledLog: SampledLog,
): void {
  // A route may wait for a password check. Without a listener an error meanwhile would end the process.
  socket.on('error', () => socket.destroy())
  run(answer).catch((error: unknown) => {
    reportDefect(error, 'an upgrade could not be answered', sampledLog)
    // Behind a handshake, the text of an answer would be read as a frame.
    const isAnswered = socket instanceof Socket && socket.bytesWritten > 0
    if (isAnswered) socket.destroy()
    else refuse(defect)
  })
}

async function run(answer: () => Promise<void> | void): Promise<void> {
  await answer()
}

function reportDefect(error: unknown, text: string, sampledLog: SampledLog): void {
  const stack = error instanceof Error ? error.stack : undefined
  sampledLog.warn('http-failed', { reason: reasonOf(error), stack }, text)
}

/** Runs the route of a plain request, with its body where it reads one. */
export async function runRoute(
  route: PlainRoute,
  exchange: Exchange,
  options: RunOptions,
): Promise<void> {
  const { request, refuse } = exchange
  const withBody = async (take: PostRoute['post']) => {
    const body = await readBody(request, options.limits.bodyBytes)
    if (body === 'too-big') refuse(bodyTooBig(options))
    else if (body !== 'gone') await take(exchange, body)
  }
  if (!('get' in route)) return withBody('any' in route ? route.any : route.post)
  if ('post' in route && readsBody(route, request)) return withBody(route.post)
  return route.get(exchange)
}

/** Counts a body past its limit, and returns how to answer it. */
export function bodyTooBig({ limits, sampledLog }: RunOptions): HttpError {
  sampledLog.warn('http-refused', { status: 413 }, 'a request had too long a body')
  return { status: 413, reason: `expected at most ${limits.bodyBytes} bytes of body` }
}

/** The body of a request; `too-big` past `maxBytes`, and `gone` when the client leaves before its end. */
function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | 'too-big' | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else resolve('too-big')
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => resolve('gone'))
    // An error is always followed by close; why a client went away is of no use here.
    request.on('error', () => {})
  })
}

/** Whether a body tells beforehand that it is bigger than `maxBytes`. */
export function announcesMoreThan({ headers }: IncomingMessage, maxBytes: number): boolean {
  // Node has refused what is no number.
  return Number(headers['content-length'] ?? 0) > maxBytes
}
