import type { IncomingMessage } from 'node:http'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Peer } from './peer.ts'
import type { CookieSessions, Tickets, Until } from './secrets.ts'
import { sessionIdsIn } from './session-cookie.ts'
import { parseBasic, parseBearer, type SignIn, type SignInResult } from './sign-in.ts'
import { ticketIn } from './subprotocol.ts'
import { createTokenOwners, isToken } from './tokens.ts'
import { anonymousIn, type User, type UserDirectory } from './user.ts'

export interface RequestSignInOptions {
  readonly signIn: SignIn
  readonly sessions: CookieSessions
  readonly tickets: Tickets
  readonly directory: UserDirectory
  readonly sampledLog: SampledLog
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
  /** By a token, or else by HTTP Basic, or else by cookie. */
  ofRequest(request: IncomingMessage): Promise<RequestSignInResult>
  /** The same, or else by a ticket, or else as the user `anonymous` where there is one. */
  ofUpgrade(request: IncomingMessage): Promise<RequestSignInResult>
}

export function createRequestSignIn(options: RequestSignInOptions): RequestSignIn {
  const { signIn, sessions, directory, peerOf } = options
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
    const credentials = parseBasic(authorization)
    if (credentials !== undefined) return signIn(credentials, address)
    return bySession(sessionIdsIn(request, peer), sessions)
  }
  return {
    ofRequest,
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
