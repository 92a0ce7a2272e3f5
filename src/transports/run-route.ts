import { reasonOf } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { readBody } from './read-body.ts'
import { type Refusal, refuseRequest } from './refusal.ts'
import type { Exchange, Handshake, PlainRoute, UpgradeRoute } from './route.ts'

export interface RunOptions {
  readonly limits: Readonly<Config['limits']['http']>
  readonly sampledLog: SampledLog
}

const defect: Refusal = { status: 500, reason: 'the hub could not deal with this request' }

/** Runs the route of a plain request. A defect of ours must not end the hub. */
export function answerExchange(route: PlainRoute, exchange: Exchange, options: RunOptions): void {
  const { limits, sampledLog } = options
  const { request, response } = exchange
  const answer = async () => {
    if ('get' in route) return route.get(exchange)
    const body = await readBody(request, limits.bodyBytes)
    if (body === 'too-big') refuseRequest(response, bodyTooBig(options))
    else if (body !== 'gone') await ('post' in route ? route.post : route.any)(exchange, body)
  }
  answer().catch((error: unknown) => {
    sampledLog.warn('http-failed', { reason: reasonOf(error) }, 'a request could not be answered')
    if (!response.headersSent) refuseRequest(response, defect)
  })
}

/** Hands a socket over to the route of its upgrade, with the same care. */
export function handOver(
  route: UpgradeRoute,
  handshake: Handshake,
  { sampledLog }: RunOptions,
): void {
  const { socket } = handshake
  // A route may wait for a password check. Without a listener an error meanwhile would end the process.
  socket.on('error', () => socket.destroy())
  const upgrade = async () => route.upgrade(handshake)
  upgrade().catch((error: unknown) => {
    sampledLog.warn('http-failed', { reason: reasonOf(error) }, 'an upgrade could not be answered')
    socket.destroy()
  })
}

/** Counts and answers a body past its limit. */
export function bodyTooBig({ limits, sampledLog }: RunOptions): Refusal {
  sampledLog.warn('http-refused', { status: 413 }, 'a request had too long a body')
  return { status: 413, reason: `expected at most ${limits.bodyBytes} bytes of body` }
}
