import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestSignIn } from '../access/request-sign-in.ts'
import type { Until } from '../access/secrets.ts'
import type { Credentials, SignIn } from '../access/sign-in.ts'
import { offeredSubprotocols } from '../access/subprotocol.ts'
import type { User } from '../access/user.ts'
import { endUpgrade } from '../core/refusal.ts'
import type { ServedAnswer, ServedRequest } from '../dialects/served-dialect.ts'
import type { DialectUser, DialectUsers } from '../nodes/served/dialect-users.ts'

/** What a served dialect may ask of the hub about those who come. */
export interface ServedDoor {
  /** The name of the dialect. */
  readonly name: string
  /** What stands before its own paths: `/house`, or nothing. */
  readonly path: string
  /** Empty where it serves all topics. */
  readonly base: string
  readonly dialectUsers: DialectUsers
  readonly signIn: SignIn
  readonly ofRequest: RequestSignIn['ofRequest']
  /** Whether a user may have one more connection, and this is to be one of that user's. */
  mayEnter(connection: object, user: string): boolean
  clientAddress(request: IncomingMessage): string
  isSecure(request: IncomingMessage): boolean
  /** The origin of the page that sent a request, when that is neither ours nor listed. */
  foreignOriginOf(request: IncomingMessage): string | undefined
  /** Whether pages of any origin may be guests. */
  readonly isAnyPageGuest: boolean
  /** Who comes from `address` without credentials. */
  guest(address: string): User | undefined
}

/** What comes with a request besides its headers. */
export interface Arrived {
  readonly request: IncomingMessage
  readonly body: Buffer
  readonly gone: AbortSignal
  /** Told how long somebody is signed in whose session that is. */
  readonly onSession?: (until: Until) => void
}

/** A request as a served dialect sees it. */
export function servedRequest(arrived: Arrived, door: ServedDoor): ServedRequest {
  const { request, body, gone } = arrived
  const address = door.clientAddress(request)
  const foreignOrigin = door.foreignOriginOf(request)
  const isOriginAllowed = foreignOrigin === undefined
  const url = String(request.url)
  const path = url.replace(/\?.*$/s, '')
  // A proxy may have left a prefix before it; see `pathOf` in check-request.ts.
  const own = door.path === '' ? path : path.slice(path.indexOf(door.path) + door.path.length)
  return {
    method: String(request.method),
    path: own.startsWith('/') ? own : `/${own}`,
    query: new URLSearchParams(url.slice(path.length)),
    headers: headersOf(request),
    body,
    address,
    isSecure: door.isSecure(request),
    isOriginAllowed,
    subprotocols: offeredSubprotocols(request).filter((name) => name !== ''),
    gone,
    signIn: async (credentials?: Credentials) => {
      if (credentials !== undefined) return door.signIn(credentials, address, foreignOrigin)
      if (!isOriginAllowed) return { refused: 'nobody' }
      const result = await door.ofRequest(request)
      if ('user' in result && result.until) arrived.onSession?.(result.until)
      return result
    },
    guest: () => guestOf(door, { address, isOriginAllowed }),
    actAs: (user): DialectUser | undefined =>
      door.mayEnter(request.socket, user.name)
        ? door.dialectUsers.of({ user, address, way: door.name })
        : undefined,
  }
}

/** A page of anybody may be let in to look, and not to touch. */
function guestOf(
  door: ServedDoor,
  { address, isOriginAllowed }: Pick<ServedRequest, 'address' | 'isOriginAllowed'>,
): User | undefined {
  const guest = door.guest(address)
  if (guest === undefined || isOriginAllowed) return guest
  return door.isAnyPageGuest ? door.dialectUsers.readOnly(guest) : undefined
}

function headersOf({ headers }: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  )
}

export function sendAnswer(response: ServerResponse, answer: ServedAnswer): void {
  response.writeHead(answer.status, headersTo(answer)).end(answer.body)
}

/** Answers an upgrade in place of taking it, and ends its socket. */
export function sendUpgradeAnswer(socket: Duplex, answer: ServedAnswer): void {
  const { status, body = '' } = answer
  endUpgrade(socket, { status, body, headers: { ...headersTo(answer), Connection: 'close' } })
}

function headersTo({ status, headers, body = '' }: ServedAnswer): Record<string, string> {
  // RFC 9110, 15.3.5 and 15.4.5: neither of the two has a body.
  const hasBody = status !== 204 && status !== 304
  const length = hasBody ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}
  return { 'Cache-Control': 'no-store', ...length, ...headers }
}
