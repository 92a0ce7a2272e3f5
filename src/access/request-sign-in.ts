/** Whose request it is, by what it carries; and what is told to who is not signed in. */

import type { IncomingMessage } from 'node:http'
import { fieldOf, parseJson } from '../core/json.ts'
import type { HttpError } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { certifiedUser } from './client-certificate.ts'
import type { CookieSessions, Tickets, Until } from './secrets.ts'
import type { SecurityLog } from './security-log.ts'
import {
  type Credentials,
  parseBasic,
  parseBearer,
  type SignIn,
  type SignInResult,
} from './sign-in.ts'
import { createTokenOwners, isToken } from './tokens.ts'
import { anonymousIn, type User, type UserDirectory } from './user.ts'

export interface RequestSignInOptions {
  readonly signIn: SignIn
  readonly sessions: CookieSessions
  readonly tickets: Tickets
  readonly directory: UserDirectory
  readonly sampledLog: SampledLog
  readonly securityLog: Pick<SecurityLog, 'note'>
  peerOf(request: IncomingMessage): Peer
}

/** `nobody`: it gives no credentials, or a cookie that is no longer good. */
export type RequestSignInResult =
  | (SignInResult & {
      /** There for who is signed in by a session, which may end. */
      readonly until?: Until | undefined
    })
  | { readonly refused: 'nobody' }

/**
 * Finds out whose request it is, by what its headers carry. Nothing in its URL counts. Of a page of a foreign
 * origin only a token and a ticket count: a browser adds all the rest by itself.
 */
export interface RequestSignIn {
  /** By a token, or else by what a trusted proxy says, or else by HTTP Basic, or else by cookie, or else by the certificate of its connection. */
  ofRequest(request: IncomingMessage): Promise<RequestSignInResult>
  /** The same, or else by a ticket, or else as the user `anonymous` where there is one. */
  ofUpgrade(request: IncomingMessage): Promise<RequestSignInResult>
}

export function createRequestSignIn(options: RequestSignInOptions): RequestSignIn {
  const { signIn, sessions, directory, securityLog, peerOf } = options
  const ownerOf = createTokenOwners(directory)
  const ofRequest = async (request: IncomingMessage): Promise<RequestSignInResult> => {
    const peer = peerOf(request)
    const { address, foreignOrigin } = peer
    const { authorization } = request.headers
    const token = parseBearer(authorization)
    // A proxy before us may have a use of its own for this header.
    if (token !== undefined && isToken(token)) {
      return signIn({ user: ownerOf(token)?.name ?? '', password: token }, address, foreignOrigin)
    }
    if (foreignOrigin !== undefined) return { refused: 'nobody' }
    if (peer.proxyUser !== undefined) return byProxy(String(peer.proxyUser), directory)
    const credentials = parseBasic(authorization)
    if (credentials !== undefined) return signIn(credentials, address)
    const result = bySession(sessionIdsIn(request, peer), sessions)
    return 'user' in result ? result : userOrNobody(certifiedUser(peer.connection, directory))
  }
  return {
    ofRequest: async (request) => {
      const result = await ofRequest(request)
      // Who has a session has signed in before.
      if ('user' in result && result.until === undefined) {
        const { address } = peerOf(request)
        securityLog.note('signed-in', { user: result.user.name, address, way: 'http' })
      }
      return result
    },
    ofUpgrade: async (request) => {
      const result = await ofRequest(request)
      if ('user' in result || result.refused !== 'nobody') return result
      const ticket = ticketIn(request)
      if (ticket !== undefined) return byTicket(request, ticket, options)
      const isForeign = peerOf(request).foreignOrigin !== undefined
      return userOrNobody(isForeign ? undefined : anonymousIn(directory))
    },
  }
}

/** A proxy has looked at who it is: a name nobody has is refused as wrong credentials are. */
function byProxy(name: string, directory: Pick<UserDirectory, 'find'>): RequestSignInResult {
  const user = directory.find(name)
  return user === undefined ? { refused: 'wrong' } : { user }
}

function bySession(ids: readonly string[], sessions: CookieSessions): RequestSignInResult {
  for (const id of ids) {
    const user = sessions.userOf(id)
    if (user !== undefined) return { user, until: sessions.until(id) }
  }
  return { refused: 'nobody' }
}

function byTicket(
  request: IncomingMessage,
  ticket: string,
  { tickets, sampledLog, peerOf }: RequestSignInOptions,
): RequestSignInResult {
  const owner = tickets.redeem(ticket)
  if (owner !== undefined) return owner
  const { address } = peerOf(request)
  sampledLog.warn('sign-in-refused', { address }, 'a ticket was given that is void')
  return { refused: 'wrong' }
}

function userOrNobody(user: User | undefined): RequestSignInResult {
  return user === undefined ? { refused: 'nobody' } : { user }
}

/** Where a request comes from, past the proxies that are trusted. */
export interface Peer {
  readonly address: string
  /** Whether nobody between there and here can listen. */
  readonly isSecure: boolean
  /** The origin of the page it comes from, when that is neither ours nor listed. */
  readonly foreignOrigin: string | undefined
  /** The name of the cookie that would hold its session. */
  readonly cookieName: string
  /** Its socket; undefined for that of a proxy. */
  readonly connection?: object | undefined
  /** The name of the user whom a trusted proxy has signed in. */
  readonly proxyUser?: string | readonly string[] | undefined
}

/**
 * The name of the cookie that holds a session. Cookies know no ports, so the name has the one the browser asks, and
 * the prefix of a proxy: two hubs on one host do not sign each other out.
 *
 * RFC 6265bis, 4.1.3.2: browsers take a name with `__Host-` only from a secure origin, for its own host alone.
 * Without TLS the plain name has to do.
 */
export function cookieNameFor(
  { headers: { host = '' } }: IncomingMessage,
  isSecure: boolean,
  pathPrefix: string,
): string {
  const port = /:(\d+)$/.exec(host)?.[1] ?? (isSecure ? '443' : '80')
  const name = `hub_session_${port}${pathPrefix.replaceAll('/', '.')}`
  return isSecure ? `__Host-${name}` : name
}

/** Every session id a request carries: somebody else on the same host may have set one as well. */
export function sessionIdsIn(
  { headers }: IncomingMessage,
  { cookieName }: Pick<Peer, 'cookieName'>,
): string[] {
  const start = `${cookieName}=`
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return pairs.filter((pair) => pair.startsWith(start)).map((pair) => pair.slice(start.length))
}

/** The `Set-Cookie` that begins a session; with `lifeSeconds` 0 and no id, the one that ends it. */
export function sessionCookie(
  { cookieName, isSecure }: Pick<Peer, 'cookieName' | 'isSecure'>,
  id: string,
  lifeSeconds: number,
): string {
  const always = `${cookieName}=${id}; Path=/; Max-Age=${lifeSeconds}; HttpOnly; SameSite=Strict`
  return isSecure ? `${always}; Secure` : always
}

const ticketPrefix = 'clown.ticket.'

/** The names a request offers. */
export function offeredSubprotocols({ headers }: IncomingMessage): string[] {
  // Trimmed afterwards: a pattern with spaces on both sides takes quadratic time on many of them.
  return (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
}

/** The ticket among them, which a page of another origin cannot send in any other way. */
export function ticketIn(request: IncomingMessage): string | undefined {
  const name = offeredSubprotocols(request).find((offered) => offered.startsWith(ticketPrefix))
  return name?.slice(ticketPrefix.length)
}

type Refused = Exclude<RequestSignInResult, { user: unknown }>

const reason = 'expected a user and a password of this hub'

/** RFC 7617. Browsers send the credentials of a websocket URL only in answer to this challenge. */
export const challenge: HttpError = {
  status: 401,
  reason,
  headers: { 'WWW-Authenticate': 'Basic realm="hub", charset="UTF-8"' },
}

/**
 * RFC 9110, 15.5.2, demands a challenge with each 401. A browser would meet Basic with a window of its
 * own, over the form of the page; it knows no `Cookie` scheme (draft-broyer-http-cookie-auth).
 */
export function formChallenge(pathPrefix: string): HttpError {
  const form = `form-action="${pathPrefix}/login"`
  return { status: 401, reason, headers: { 'WWW-Authenticate': `Cookie realm="hub", ${form}` } }
}

const codeNeeded = {
  code: 'code-needed',
  reason:
    'expected a code of an authenticator app besides, which only /login takes, or a token in place of the password',
} as const

/** How a request that is not let in is answered; `unknown` is the answer to wrong credentials and none. */
export function signInError(refused: Refused, unknown: HttpError): HttpError {
  if (refused.refused === 'code-needed') return { ...unknown, ...codeNeeded }
  if (!('retryAfterSeconds' in refused)) return unknown
  const headers = { 'Retry-After': String(refused.retryAfterSeconds) }
  // RFC 6585, 4.
  return refused.refused === 'throttled'
    ? { status: 429, reason: 'expected fewer wrong passwords: try again later', headers }
    : { status: 503, reason: 'expected fewer sign-ins at once: try again later', headers }
}

const expected = 'expected a user and a password, in JSON or from a form'

/** The credentials in the body of a request, with a code if there is one; or how to refuse it. */
export function readCredentials(
  { headers }: IncomingMessage,
  body: Buffer,
): Credentials | HttpError {
  const [mediaType = ''] = (headers['content-type'] ?? '').split(';')
  const read = readers.get(mediaType.trim().toLowerCase())
  if (read === undefined) return { status: 415, reason: expected }
  const value = read(body.toString('utf8'))
  const credentials = credentialsIn(value)
  return credentials === undefined
    ? { status: 400, reason: expected }
    : { ...credentials, code: codeIn(value) }
}

const readers = new Map<string, (text: string) => unknown>([
  ['application/json', parseJson],
  // A field that comes twice counts with its last value, as in JSON.
  ['application/x-www-form-urlencoded', (text) => Object.fromEntries(new URLSearchParams(text))],
])

/** The user and the password that `value` holds, if it holds both. */
export function credentialsIn(value: unknown): Credentials | undefined {
  const user = textIn(value, 'user')
  const password = textIn(value, 'password')
  return user === undefined || password === undefined ? undefined : { user, password }
}

/** The code of an authenticator app that is given beside them, as people write it: `123 456`. A form gives an empty one. */
function codeIn(value: unknown): string | undefined {
  return textIn(value, 'code')?.replaceAll(/\s/g, '') || undefined
}

/** The token that `value` holds, if it holds one. */
export function tokenIn(value: unknown): string | undefined {
  return textIn(value, 'token')
}

function textIn(value: unknown, key: string): string | undefined {
  const text = fieldOf(value, key)
  return typeof text === 'string' ? text : undefined
}
