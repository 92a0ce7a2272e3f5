import type { WebSocket } from 'ws'
import { parseBasic } from '../access/basic.ts'
import type { SignIn } from '../access/sign-in.ts'
import type { HubError } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { busy } from './admit-requests.ts'
import { type Refusal, refuseUpgrade } from './refusal.ts'
import type { Route } from './route.ts'
import { openSession, type SessionContext } from './session.ts'
import { type InboundLimits, WebSocketInbound } from './websocket-inbound.ts'
import { type OutboundLimits, WebSocketLink } from './websocket-link.ts'
import type { WebSockets } from './websockets.ts'

export interface TalkOptions {
  readonly dialect: Dialect
  readonly context: SessionContext
  readonly signIn: SignIn
  /** Whether a user may have one more connection, and this is to be one of that user's. */
  mayEnter(connection: object, user: string): boolean
  readonly websockets: WebSockets
  readonly limits: InboundLimits & OutboundLimits & { readonly overRateSeconds: number }
  readonly sampledLog: SampledLog
}

/** RFC 7617. Browsers send the credentials of a websocket URL only in answer to this challenge. */
const challenge: Refusal = {
  status: 401,
  reason: 'expected a user and a password of this hub',
  headers: { 'WWW-Authenticate': 'Basic realm="hub", charset="UTF-8"' },
}

/** Websockets of signed-in users who speak `dialect` below `base`. */
export function talkRoute(base: string, options: TalkOptions): Route {
  const { signIn, mayEnter, websockets, sampledLog } = options
  return {
    upgrade: (request, socket, head) => {
      const credentials = parseBasic(request.headers.authorization)
      if (credentials !== undefined && signIn(credentials.user, credentials.password)) {
        if (!mayEnter(socket, credentials.user)) {
          refuseUpgrade(socket, busy)
          return
        }
        websockets.accept({ request, socket, head }, (websocket) => serve(websocket, base, options))
        return
      }
      // A first request without credentials is how browsers begin; only wrong ones are of note.
      if (credentials !== undefined) {
        const { user } = credentials
        sampledLog.warn('sign-in-refused', { user }, 'a websocket gave a wrong user or password')
      }
      refuseUpgrade(socket, challenge)
    },
  }
}

function serve(websocket: WebSocket, base: string, options: TalkOptions): void {
  const { dialect, context, limits, sampledLog } = options
  const { encodeMissed } = dialect
  const link = new WebSocketLink(websocket, { limits, sampledLog, encodeMissed })
  const session = openSession(context, { dialect, base, link })
  const obey = dialect.open(link, session)
  const receive = (frame: Buffer) => {
    try {
      obey(frame)
    } catch (error) {
      // A defect of ours must not end the hub. RFC 6455, 7.4.1: 1011, an unexpected condition.
      context.log.error({ err: error, base }, 'a frame could not be dealt with')
      websocket.close(1011, 'the hub could not deal with a frame')
    }
  }
  const tell = (error: HubError) => {
    link.send(dialect.encodeError(error))
    // RFC 6455, 7.4.1: 1008, a message that breaks the policy. Its answer has to be read.
    websocket.close(1008, error.message)
    websocket.resume()
  }
  const giveUp = { afterSeconds: limits.overRateSeconds, tell }
  const inbound = new WebSocketInbound(websocket, { limits, sampledLog, receive, giveUp })
  websocket.on('message', (frame) => {
    // Never anything else with the default binaryType.
    if (Buffer.isBuffer(frame)) inbound.message(frame)
  })
  websocket.on('ping', (data) => inbound.ping(data))
  websocket.on('pong', () => inbound.noise())
  websocket.on('close', (code) => {
    session.close()
    link.close()
    // Who said goodbye in order may have sent commands that still wait for their turn.
    if (!cleanCodes.has(code)) inbound.close()
  })
}

/** RFC 6455, 7.4.1: done, going away, and a goodbye without a code. */
const cleanCodes = new Set([1000, 1001, 1005])
