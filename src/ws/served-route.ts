/** A served dialect at its edge: its requests and websockets, and who they belong to. */

import type { IncomingMessage } from 'node:http'
import type { Duplex, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Admit } from '../access/open-access.ts'
import { offeredSubprotocols, type RequestSignIn } from '../access/request-sign-in.ts'
import type { Until } from '../access/secrets.ts'
import type { Credentials, SignIn } from '../access/sign-in.ts'
import type { User } from '../access/user.ts'
import type { NewShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import { tellDefect } from '../core/guard.ts'
import type { AnyRoute, Handshake } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type {
  ServedAnswer,
  ServedDialect,
  ServedLink,
  ServedRequest,
  Welcome,
} from '../dialects/served-dialect.ts'
import type { DialectUser, DialectUsers } from '../nodes/served/dialect-users.ts'
import { type FrameBatch, repeatedBatch } from './audiences.ts'
import { closeCodes } from './close-codes.ts'
import type { LinkTraffics } from './link-traffic.ts'
import { RateLimitedReader, type ReadLimits, readFrom } from './rate-limited-reader.ts'
import { SocketFrameWriter, WebSocketLink, type WriteLimits } from './websocket-link.ts'
import {
  createWebSockets,
  type WebSockets,
  type WebSocketsContext,
  type WebSocketsOptions,
} from './websockets.ts'

export interface ServedRouteOptions {
  readonly access: ServedAccess
  readonly websockets: ServedWebSockets
  readonly limits: ReadLimits & WriteLimits & { readonly overRateSeconds: number }
  readonly newOutboundShare: NewShare
  /** Whether the hub has to save memory. */
  isShortOfMemory(): boolean
  readonly sampledLog: SampledLog
  readonly endOfTick: EndOfTick
  readonly linkTraffics: LinkTraffics
}

/** Who may use a served dialect, and from where. */
export interface ServedAccess {
  /** The name of the dialect. */
  readonly name: string
  /** What stands before its own paths: `/house`, or nothing. */
  readonly path: string
  /** Empty where it serves all topics. */
  readonly base: string
  readonly dialectUsers: DialectUsers
  readonly signIn: SignIn
  readonly ofRequest: RequestSignIn['ofRequest']
  readonly admit: Admit
  clientAddress(request: IncomingMessage): string
  isSecure(request: IncomingMessage): boolean
  /** The origin of the page that sent a request, when that is neither ours nor listed. */
  foreignOriginOf(request: IncomingMessage): string | undefined
  /** Whether pages of any origin may be guests. */
  readonly isAnyPageGuest: boolean
  /** Who comes from `address` without credentials. */
  guest(address: string): User | undefined
}

/**
 * Websockets whose subprotocol is chosen for each of them. When the hub ends they are ended without a close
 * frame: clients of these systems come back after that, and some do not after one.
 */
export interface ServedWebSockets extends Pick<WebSockets, 'close'> {
  /** Completes the handshake of a welcome. */
  accept(handshake: Handshake, welcome: Welcome, serve: (websocket: WebSocket) => void): void
}

export function createServedWebSockets(
  options: WebSocketsOptions,
  context: WebSocketsContext,
): ServedWebSockets {
  const chosen = new WeakMap<IncomingMessage, string>()
  // Without an answer of ours, ws would take the first one that is offered.
  const handleProtocols = (_: Set<string>, request: IncomingMessage) => chosen.get(request) ?? false
  const { accept, close } = createWebSockets({ ...options, handleProtocols }, context)
  const open = new Set<WebSocket>()
  return {
    close: () => {
      for (const websocket of open) websocket.terminate()
      return close()
    },
    accept: (handshake, { subprotocol }, serve) => {
      if (subprotocol !== undefined) chosen.set(handshake.request, subprotocol)
      accept(handshake, (websocket) => {
        open.add(websocket)
        websocket.once('close', () => open.delete(websocket))
        serve(websocket)
      })
    },
  }
}

const nothing = Buffer.alloc(0)

/** Every path and method of a served dialect, and its websockets. */
export function servedRoute(dialect: ServedDialect, options: ServedRouteOptions): AnyRoute {
  const { access, websockets } = options
  // All links of a dialect share it, for most frames are for many of them.
  const batchOf = repeatedBatch()
  return {
    checksOrigin: dialect.checksOrigin === true || access.isAnyPageGuest,
    any: async ({ request, response }, body) => {
      const asked = servedRequest({ request, body, gone: closeOf(response) }, access)
      const answer = await dialect.answer(asked)
      response.writeHead(answer.status, headersTo(answer)).end(answer.body)
    },
    upgrade: async (handshake) => {
      const { request, socket } = handshake
      let until: Until | undefined
      const onSession = (found: Until) => {
        until = found
      }
      const asked = servedRequest(
        { request, body: nothing, gone: closeOf(socket), onSession },
        access,
      )
      const welcome = await dialect.greet(asked)
      if (isAnswer(welcome)) return answerUpgrade(handshake, welcome)
      const error = welcome.user && access.admit(socket, welcome.user)
      if (error !== undefined) return handshake.refuse(error)
      const { address } = asked
      websockets.accept(handshake, welcome, (websocket) =>
        converse({ websocket, socket, address, until, batchOf }, welcome, options),
      )
    },
  }
}

function closeOf(stream: Writable): AbortSignal {
  const closing = new AbortController()
  stream.once('close', () => closing.abort())
  return closing.signal
}

function isAnswer(welcome: Welcome | ServedAnswer): welcome is ServedAnswer {
  return 'status' in welcome
}

/** Answers an upgrade in place of taking it, and ends its socket. */
function answerUpgrade(handshake: Handshake, answer: ServedAnswer): void {
  const { status, body = '' } = answer
  handshake.answer({ status, body, headers: { ...headersTo(answer), Connection: 'close' } })
}

function headersTo({ status, headers, body = '' }: ServedAnswer): Record<string, string> {
  // RFC 9110, 15.3.5 and 15.4.5: neither of the two has a body.
  const hasBody = status !== 204 && status !== 304
  const length = hasBody ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}
  return { 'Cache-Control': 'no-store', ...length, ...headers }
}

/** A websocket that is open. */
interface OpenWebSocket {
  readonly websocket: WebSocket
  readonly socket: Duplex
  readonly address: string
  readonly until: Until | undefined
  batchOf(text: string, topic?: string): FrameBatch
}

/** Lets a websocket and a dialect converse until one of them has enough. */
function converse(opened: OpenWebSocket, welcome: Welcome, options: ServedRouteOptions): void {
  const { websocket, socket, batchOf, address } = opened
  const { limits, sampledLog } = options
  const writer = new SocketFrameWriter(websocket, socket, options.endOfTick)
  // Who it is, is said when somebody has signed in.
  const origin = { user: '', address, way: 'dialect' }
  const share = options.newOutboundShare(() => origin.user)
  const traffic = options.linkTraffics.of('websocket', options.access.name)
  traffic.follow(socket)
  const frames = new WebSocketLink(writer, {
    limits,
    share,
    sampledLog,
    reader: origin,
    traffic,
    encodeMissed: () => undefined,
  })
  const leaves: (() => void)[] = []
  const link: ServedLink = {
    send: (text, key) => frames.deliver(batchOf(text, key)),
    signIn: (user) => {
      origin.user = user.name
      const entered = enter(user, opened, options)
      if ('status' in entered) {
        // RFC 6455, 7.4.1: 1008, for the same reason as below.
        const code = entered.code === 'banned' ? 1008 : closeCodes.later.code
        websocket.close(code, entered.code ?? entered.reason)
        return undefined
      }
      leaves.push(entered.leave)
      return entered.dialectUser
    },
    close: (code, reason) => websocket.close(code, reason),
    cut: () => websocket.terminate(),
  }
  const guarded = <T>(act: () => T) => guard(act, websocket)
  const conversation = guarded(() => welcome.open(link))
  if (conversation === undefined) return
  const reader = new RateLimitedReader(websocket, {
    limits,
    sampledLog,
    receive: (frame) => {
      frames.received()
      guarded(() => conversation.receive(frame.toString('utf8')))
    },
    disconnect: {
      afterSeconds: limits.overRateSeconds,
      isShortOfMemory: options.isShortOfMemory,
      notify: ({ message }) => {
        websocket.close(closeCodes.tooMuch.code, message)
        websocket.resume()
      },
    },
  })
  readFrom(websocket, reader)
  websocket.on('close', () => {
    for (const leave of leaves) leave()
    frames.close()
    reader.close()
    conversation.closed()
  })
}

function enter(user: User, opened: OpenWebSocket, { access }: ServedRouteOptions) {
  const { websocket, socket, address, until } = opened
  const { name, base } = access
  const error = access.admit(socket, user)
  if (error !== undefined) return error
  const caller = { user, address, way: name, base, connection: socket, until }
  // RFC 6455, 7.4.1: 1008, a message that breaks the policy; these clients know no codes of ours.
  return access.dialectUsers.enter(caller, () => websocket.close(1008, 'signed out'))
}

/** Returns what `act` does. A defect of ours must not end the hub: it ends the websocket. */
function guard<T>(act: () => T, websocket: WebSocket): T | undefined {
  try {
    return act()
  } catch (error) {
    tellDefect(error)
    websocket.close(closeCodes.defect.code, 'the hub could not deal with a frame')
    return undefined
  }
}

/** What comes with a request besides its headers. */
interface IncomingRequest {
  readonly request: IncomingMessage
  readonly body: Buffer
  readonly gone: AbortSignal
  /** Called with how long somebody is signed in whose session that is. */
  readonly onSession?: (until: Until) => void
}

/** A request as a served dialect sees it. */
function servedRequest(incoming: IncomingRequest, access: ServedAccess): ServedRequest {
  const { request, body, gone } = incoming
  const address = access.clientAddress(request)
  const foreignOrigin = access.foreignOriginOf(request)
  const isOriginAllowed = foreignOrigin === undefined
  const url = String(request.url)
  const path = url.replace(/\?.*$/s, '')
  // A proxy may have left a prefix before it; see `pathOf` in check-request.ts.
  const own = access.path === '' ? path : path.slice(path.indexOf(access.path) + access.path.length)
  return {
    method: String(request.method),
    path: own.startsWith('/') ? own : `/${own}`,
    query: new URLSearchParams(url.slice(path.length)),
    headers: headersOf(request),
    body,
    address,
    isSecure: access.isSecure(request),
    isOriginAllowed,
    subprotocols: offeredSubprotocols(request).filter((name) => name !== ''),
    gone,
    signIn: async (credentials?: Credentials) => {
      if (credentials !== undefined) return access.signIn(credentials, address, foreignOrigin)
      if (!isOriginAllowed) return { refused: 'nobody' }
      const result = await access.ofRequest(request)
      if ('user' in result && result.until) incoming.onSession?.(result.until)
      return result
    },
    guest: () => guestOf(access, { address, isOriginAllowed }),
    actAs: (user): DialectUser | undefined =>
      access.admit(request.socket, user) === undefined
        ? access.dialectUsers.of({ user, address, way: access.name })
        : undefined,
  }
}

/** A page of anybody may be let in to look, and not to touch. */
function guestOf(
  access: ServedAccess,
  { address, isOriginAllowed }: Pick<ServedRequest, 'address' | 'isOriginAllowed'>,
): User | undefined {
  const guest = access.guest(address)
  if (guest === undefined || isOriginAllowed) return guest
  return access.isAnyPageGuest ? access.dialectUsers.readOnly(guest) : undefined
}

function headersOf({ headers }: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  )
}
