import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { RequestSignIn } from '../access/request-sign-in.ts'
import type { Until } from '../access/secrets.ts'
import { parseBearer } from '../access/sign-in.ts'
import { challenge, refusalOf } from '../access/sign-in-refusal.ts'
import { ticketIn } from '../access/subprotocol.ts'
import type { User } from '../access/user.ts'
import type { NewShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import type { HubError } from '../core/errors.ts'
import { busy, refuseUpgrade } from '../core/refusal.ts'
import type { Handshake, Route } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { closeCodes } from './close-codes.ts'
import { type MessageSignIn, welcomeFrame } from './message-sign-in.ts'
import { openSession, type SessionContext } from './session.ts'
import { type InboundLimits, WebSocketInbound } from './websocket-inbound.ts'
import { type OutboundLimits, WebSocketLink } from './websocket-link.ts'
import type { WebSockets } from './websockets.ts'
import { writeOnceATurn } from './write-once-a-turn.ts'

export interface TalkOptions {
  readonly dialect: Dialect
  readonly context: SessionContext
  readonly signIn: {
    readonly ofUpgrade: RequestSignIn['ofUpgrade']
    readonly byMessage: MessageSignIn
  }
  /** Whether a user may have one more connection, and this is to be one of that user's. */
  mayEnter(connection: object, user: string): boolean
  readonly websockets: WebSockets
  readonly newOutboundShare: NewShare
  /** Whether the hub has to save memory. */
  isShortOfMemory(): boolean
  readonly endOfTick: EndOfTick
  /** Where a request comes from. */
  clientAddress(request: IncomingMessage): string
  readonly limits: InboundLimits & OutboundLimits & { readonly overRateSeconds: number }
  readonly sampledLog: SampledLog
}

/** Websockets of signed-in users who speak `dialect` below `base`. */
export function talkRoute(base: string, options: TalkOptions): Route {
  return {
    isSignedInExplicitly: (request) =>
      asksForMessage(request) ||
      ticketIn(request) !== undefined ||
      parseBearer(request.headers.authorization) !== undefined,
    upgrade: (handshake) =>
      asksForMessage(handshake.request)
        ? acceptStranger(handshake, base, options)
        : acceptUser(handshake, base, options),
  }
}

async function acceptUser(handshake: Handshake, base: string, options: TalkOptions) {
  const { signIn, mayEnter, websockets, clientAddress } = options
  const { request, socket } = handshake
  const result = await signIn.ofUpgrade(request)
  if (!('user' in result)) refuseUpgrade(socket, refusalOf(result, challenge))
  else if (!mayEnter(socket, result.user.name)) refuseUpgrade(socket, busy)
  else {
    const { user, until } = result
    const address = clientAddress(request)
    websockets.accept(handshake, (websocket) =>
      serve(websocket, { base, user, until, address, socket }, options),
    )
  }
}

/** Takes a websocket whose first message is to say who it is; nothing else is sent or obeyed before. */
function acceptStranger(handshake: Handshake, base: string, options: TalkOptions) {
  const { signIn, mayEnter, websockets, dialect, clientAddress } = options
  const { request, socket } = handshake
  const address = clientAddress(request)
  websockets.accept(handshake, (websocket) => {
    signIn.byMessage(websocket, { request, dialect }, (user) => {
      if (!mayEnter(socket, user.name)) {
        websocket.close(closeCodes.later.code, busy.reason)
        return
      }
      websocket.send(welcomeFrame(dialect, user))
      serve(websocket, { base, user, address, socket }, options)
    })
  })
}

/** For clients that can set neither a header nor a cookie. Secrets never stand in a URL. */
function asksForMessage({ url }: IncomingMessage): boolean {
  const query = String(url).replace(/^[^?]*/, '')
  return new URLSearchParams(query).get('sign-in') === 'message'
}

/** Somebody who talks below a base. */
interface Visit {
  readonly base: string
  readonly user: User
  /** How long, when that is not as long as the websocket is open. */
  readonly until?: Until | undefined
  readonly address: string
  readonly socket: Duplex
}

function serve(
  websocket: WebSocket,
  { base, user, until, address, socket }: Visit,
  options: TalkOptions,
): void {
  const { dialect, context, limits, sampledLog } = options
  const { encodeMissed } = dialect
  const outlet = writeOnceATurn(websocket, socket, options.endOfTick)
  const share = options.newOutboundShare(() => user.name)
  const link = new WebSocketLink(outlet, { limits, share, sampledLog, encodeMissed })
  const session = openSession(context, {
    dialect,
    base,
    link,
    user,
    address,
    connection: socket,
    until,
    ended: (why) => link.end(closeCodes.signedOut.code, why),
  })
  const obey = dialect.open(link, session)
  const receive = (frame: Buffer) => {
    try {
      obey(frame)
    } catch (error) {
      // A defect of ours must not end the hub.
      context.log.error({ err: error, base }, 'a frame could not be dealt with')
      websocket.close(closeCodes.defect.code, 'the hub could not deal with a frame')
    }
  }
  const tell = (error: HubError) => {
    link.send(dialect.encodeError(error))
    websocket.close(closeCodes.tooMuch.code, error.message)
    // Its answer has to be read.
    websocket.resume()
  }
  const { isShortOfMemory } = options
  const giveUp = { afterSeconds: limits.overRateSeconds, isShortOfMemory, tell }
  const inbound = new WebSocketInbound(websocket, {
    limits,
    sampledLog,
    priceOf: dialect.countMessages,
    receive,
    giveUp,
  })
  websocket.on('message', (frame) => {
    // Never anything else with the default binaryType.
    if (Buffer.isBuffer(frame)) inbound.message(frame)
  })
  websocket.on('ping', (data) => inbound.ping(data))
  websocket.on('pong', () => inbound.noise())
  websocket.on('fragments', (count: number) => inbound.noise(count))
  websocket.on('excess', (error: HubError) => {
    link.send(dialect.encodeError(error))
    inbound.noise()
  })
  websocket.on('close', (code) => {
    session.close()
    link.close()
    // Who said goodbye in order may have sent commands that still wait for their turn.
    if (!cleanCodes.has(code)) inbound.close()
  })
}

/** RFC 6455, 7.4.1: done, going away, and a goodbye without a code. */
const cleanCodes = new Set([1000, 1001, 1005])
