import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { reasonOf } from '../core/errors.ts'
import { type Refusal, refuseRequest, refuseUpgrade } from '../core/refusal.ts'
import { type Exchange, type PlainRoute, type PostRoute, readsBody } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { readBody } from './read-body.ts'

export interface RunOptions {
  readonly limits: Readonly<Config['limits']['http']>
  readonly sampledLog: SampledLog
}

const defect: Refusal = { status: 500, reason: 'the hub could not deal with this request' }

/**
 * Does what answers a plain request. A defect of ours on the way must not end the hub: it is answered
 * with 500 while that can still be said, and the connection is cut in the middle of an answer.
 */
export function answerRequest(
  response: ServerResponse,
  answer: () => Promise<void> | void,
  sampledLog: SampledLog,
): void {
  run(answer).catch((error: unknown) => {
    reportDefect(error, 'a request could not be answered', sampledLog)
    if (!response.headersSent) refuseRequest(response, defect)
    else if (!response.writableEnded) response.destroy()
  })
}

/** Does what answers an upgrade, with the same care. */
export function answerUpgrade(
  socket: Duplex,
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
    else refuseUpgrade(socket, defect)
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
  const { request, response } = exchange
  const withBody = async (take: PostRoute['post']) => {
    const body = await readBody(request, options.limits.bodyBytes)
    if (body === 'too-big') refuseRequest(response, bodyTooBig(options))
    else if (body !== 'gone') await take(exchange, body)
  }
  if (!('get' in route)) return withBody('any' in route ? route.any : route.post)
  if ('post' in route && readsBody(route, request)) return withBody(route.post)
  return route.get(exchange)
}

/** Counts and answers a body past its limit. */
export function bodyTooBig({ limits, sampledLog }: RunOptions): Refusal {
  sampledLog.warn('http-refused', { status: 413 }, 'a request had too long a body')
  return { status: 413, reason: `expected at most ${limits.bodyBytes} bytes of body` }
}
