import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Admit } from '../access/open-access.ts'
import { challenge, type RequestSignIn, signInError, ticketIn } from '../access/request-sign-in.ts'
import type { Until } from '../access/secrets.ts'
import { parseBearer } from '../access/sign-in.ts'
import type { User } from '../access/user.ts'
import type { UserRates } from '../access/user-rates.ts'
import type { NewShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import type { HubError } from '../core/errors.ts'
import { tellDefect } from '../core/guard.ts'
import type { Handshake, Route } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { isTopic } from '../core/topic.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { closeCodes } from './close-codes.ts'
import type { LinkTraffics } from './link-traffic.ts'
import { type MessageSignIn, welcomeFrame } from './message-sign-in.ts'
import { RateLimitedReader, type ReadLimits, readFrom } from './rate-limited-reader.ts'
import type { TalkSession, TalkSessionOptions } from './talk-session.ts'
import { SocketFrameWriter, WebSocketLink, type WriteLimits } from './websocket-link.ts'
import type { WebSockets } from './websockets.ts'

const subprotocol = 'clown.talk.v1'

/** The subprotocol to answer with; never one that carries a ticket. Chromium gives up without an answer. */
export function chooseTalk(offered: Set<string>): string | false {
  return offered.has(subprotocol) ? subprotocol : false
}

export interface TalkOptions {
  readonly dialect: Dialect
  openSession(options: TalkSessionOptions): TalkSession
  readonly signIn: {
    readonly ofUpgrade: RequestSignIn['ofUpgrade']
    readonly byMessage: MessageSignIn
  }
  readonly admit: Admit
  /** What a user may send on all connections together. */
  readonly rateOf: UserRates
  readonly websockets: WebSockets
  readonly newOutboundShare: NewShare
  /** Whether the hub has to save memory. */
  isShortOfMemory(): boolean
  readonly endOfTick: EndOfTick
  /** Where a request comes from. */
  clientAddress(request: IncomingMessage): string
  readonly limits: ReadLimits & WriteLimits & { readonly overRateSeconds: number }
  readonly sampledLog: SampledLog
  readonly linkTraffics: LinkTraffics
}

/** Websockets of signed-in users who speak `dialect` below the base that their path names. */
export function talkRoutes(options: TalkOptions): (path: string) => Route | undefined {
  return (path) => {
    const base = baseOfPath(path)
    return base === undefined ? undefined : talkRoute(base, options)
  }
}

function talkRoute(base: string, options: TalkOptions): Route {
  return {
    isSignedInExplicitly: (request) =>
      asksForMessage(request) ||
      ticketIn(request) !== undefined ||
      parseBearer(request.headers.authorization) !== undefined,
    upgrade: (handshake) =>
      asksForMessage(handshake.request)
        ? acceptUnknown(handshake, base, options)
        : acceptUser(handshake, base, options),
  }
}

/**
 * The base that a websocket path names: `/talk` none, `/talk/nodes/bridge/0` and Clown.Hub's old
 * `/auth/clown-talk-server_nodes_bridge_0` both `nodes/bridge/0`. Percent-encoding says any base, also
 * one of which programs would take a level for a step up: `/talk/a%2F..%2Fb`. Undefined when it names
 * no base.
 */
export function baseOfPath(path: string): string | undefined {
  if (path === '/talk') return ''
  const [, spelling, rest = ''] = /^\/(talk\/|auth\/clown-talk-server_)(.+)$/.exec(path) ?? []
  if (spelling === undefined) return undefined
  const isOld = spelling !== 'talk/'
  // The old spelling has no slashes of its own: there `_` is one, and `%5F` says the underscore.
  if (isOld && rest.includes('/')) return undefined
  const base = decode(isOld ? rest.replaceAll('_', '/') : rest)
  return base !== undefined && isTopic(base) ? base : undefined
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

async function acceptUser(handshake: Handshake, base: string, options: TalkOptions) {
  const { signIn, admit, websockets, clientAddress } = options
  const { request, socket, refuse } = handshake
  const result = await signIn.ofUpgrade(request)
  if (!('user' in result)) return refuse(signInError(result, challenge))
  const { user, until } = result
  const error = admit(socket, user)
  if (error !== undefined) return refuse(error)
  const address = clientAddress(request)
  websockets.accept(handshake, (websocket) =>
    serve(websocket, { base, user, until, address, socket }, options),
  )
}

/** Takes a websocket whose first message is to say who it is; nothing else is sent or obeyed before. */
function acceptUnknown(handshake: Handshake, base: string, options: TalkOptions) {
  const { signIn, admit, websockets, dialect, clientAddress } = options
  const { request, socket } = handshake
  const address = clientAddress(request)
  websockets.accept(handshake, (websocket) => {
    signIn.byMessage(websocket, { request, dialect }, (user) => {
      const error = admit(socket, user)
      if (error !== undefined) {
        const isBanned = error.code === 'banned'
        if (isBanned) websocket.close(closeCodes.refused.code, 'banned')
        else websocket.close(closeCodes.later.code, error.reason)
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
interface Talker {
  readonly base: string
  readonly user: User
  /** How long, when that is not as long as the websocket is open. */
  readonly until?: Until | undefined
  readonly address: string
  readonly socket: Duplex
}

function serve(
  websocket: WebSocket,
  { base, user, until, address, socket }: Talker,
  options: TalkOptions,
): void {
  const { dialect, limits, sampledLog } = options
  const { encodeMissed } = dialect
  const writer = new SocketFrameWriter(websocket, socket, options.endOfTick)
  const share = options.newOutboundShare(() => user.name)
  const traffic = options.linkTraffics.of('websocket', dialect.name)
  traffic.follow(socket)
  const origin = { user: user.name, address, way: dialect.name }
  const about = { sampledLog, traffic, encodeMissed, reader: origin }
  const link = new WebSocketLink(writer, { limits, share, ...about })
  const session = options.openSession({
    dialect,
    base,
    link,
    user,
    address,
    connection: socket,
    until,
    ended: (why) => {
      const { code } = why === 'banned' ? closeCodes.refused : closeCodes.signedOut
      link.end(code, why)
    },
  })
  const obey = dialect.open(link, session)
  const receive = (frame: Buffer) => {
    try {
      obey(frame)
    } catch (error) {
      // A defect of ours must not end the hub.
      tellDefect(error)
      websocket.close(closeCodes.defect.code, 'the hub could not deal with a frame')
    }
  }
  const notify = (error: HubError) => {
    link.send(dialect.encodeError(error))
    websocket.close(closeCodes.tooMuch.code, error.message)
    // Its answer has to be read.
    websocket.resume()
  }
  const { isShortOfMemory } = options
  const disconnect = { afterSeconds: limits.overRateSeconds, isShortOfMemory, notify }
  const reader = new RateLimitedReader(websocket, {
    limits,
    sampledLog,
    costOf: dialect.countMessages,
    userRate: options.rateOf(user.name),
    receive,
    disconnect,
  })
  websocket.on('excess', (error: HubError) => link.send(dialect.encodeError(error)))
  readFrom(websocket, reader)
  websocket.on('close', (code, reason) => {
    session.close(`websocket closed with ${code} ${reason}`.trim())
    link.close()
    // Who closed it in order may have sent commands that still wait for their turn.
    if (!cleanCodes.has(code)) reader.close()
  })
}

/** RFC 6455, 7.4.1: done, going away, and a close without a code. */
const cleanCodes = new Set([1000, 1001, 1005])
