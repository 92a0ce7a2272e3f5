import type { WebSocket } from 'ws'
import { parseBasic } from '../access/basic.ts'
import type { SignIn } from '../access/sign-in.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Route } from './http-server.ts'
import { type Refusal, refuseUpgrade } from './refusal.ts'
import { openSession, type SessionContext } from './session.ts'
import type { WebSockets } from './websockets.ts'

export interface TalkOptions {
  readonly dialect: Dialect
  readonly context: SessionContext
  readonly signIn: SignIn
  readonly websockets: WebSockets
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
  const { signIn, websockets, sampledLog } = options
  return {
    upgrade: (request, socket, head) => {
      const credentials = parseBasic(request.headers.authorization)
      if (credentials !== undefined && signIn(credentials.user, credentials.password)) {
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
  const { dialect, context, sampledLog } = options
  const link = { send: (frame: string) => websocket.send(frame) }
  const session = openSession(context, { dialect, base, link })
  const receive = dialect.open(link, session)
  websocket.on('message', (frame) => {
    try {
      // Never anything else with the default binaryType.
      if (Buffer.isBuffer(frame)) receive(frame)
    } catch (error) {
      // A defect of ours must not end the hub. RFC 6455, 7.4.1: 1011, an unexpected condition.
      context.log.error({ err: error, base }, 'a frame could not be dealt with')
      websocket.close(1011, 'the hub could not deal with a frame')
    }
  })
  websocket.on('close', () => session.close())
  websocket.on('error', (error) => {
    sampledLog.warn('websocket-ended', { base, reason: error.message }, 'a websocket broke a rule')
  })
}
