import type { IncomingMessage } from 'node:http'
import { anonymousIn } from '../access/anonymous.ts'
import { parseBasic } from '../access/basic.ts'
import type { CookieSessions } from '../access/cookie-sessions.ts'
import type { SignIn, SignInResult } from '../access/sign-in.ts'
import type { Tickets } from '../access/tickets.ts'
import type { User, UserDirectory } from '../access/user.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Peer } from './peer.ts'
import { sessionIdsIn } from './session-cookie.ts'
import { ticketIn } from './subprotocol.ts'

export interface RequestSignInOptions {
  readonly signIn: SignIn
  readonly sessions: CookieSessions
  readonly tickets: Tickets
  readonly directory: Pick<UserDirectory, 'find'>
  readonly sampledLog: SampledLog
  peerOf(request: IncomingMessage): Peer
}

/** `nobody`: it gives no credentials, or a cookie that is no longer good. */
export type RequestSignInResult = SignInResult | { readonly refused: 'nobody' }

/** Finds out whose request it is, by what its headers carry. Nothing in its URL counts. */
export interface RequestSignIn {
  /** By HTTP Basic, or else by cookie. */
  ofRequest(request: IncomingMessage): Promise<RequestSignInResult>
  /** The same, or else by a ticket, or else as the user `anonymous` where there is one. */
  ofUpgrade(request: IncomingMessage): Promise<RequestSignInResult>
}

export function createRequestSignIn(options: RequestSignInOptions): RequestSignIn {
  const { signIn, sessions, directory, peerOf } = options
  const ofRequest = async (request: IncomingMessage): Promise<RequestSignInResult> => {
    const { address, isSecure } = peerOf(request)
    const credentials = parseBasic(request.headers.authorization)
    if (credentials !== undefined) return signIn(credentials, address)
    const users = sessionIdsIn(request, isSecure).map(sessions.userOf)
    return userOrNobody(users.find((user) => user !== undefined))
  }
  return {
    ofRequest,
    ofUpgrade: async (request) => {
      const result = await ofRequest(request)
      if ('user' in result || result.refused !== 'nobody') return result
      const ticket = ticketIn(request)
      if (ticket !== undefined) return byTicket(request, ticket, options)
      return userOrNobody(anonymousIn(directory))
    },
  }
}

function byTicket(
  request: IncomingMessage,
  ticket: string,
  { tickets, sampledLog, peerOf }: RequestSignInOptions,
): RequestSignInResult {
  const user = tickets.redeem(ticket)
  if (user !== undefined) return { user }
  const { address } = peerOf(request)
  sampledLog.warn('sign-in-refused', { address }, 'a ticket was given that is void')
  return { refused: 'wrong' }
}

function userOrNobody(user: User | undefined): RequestSignInResult {
  return user === undefined ? { refused: 'nobody' } : { user }
}
