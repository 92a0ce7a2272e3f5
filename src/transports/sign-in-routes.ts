import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CookieSessions } from '../access/cookie-sessions.ts'
import type { SignIn } from '../access/sign-in.ts'
import type { Tickets } from '../access/tickets.ts'
import type { AsUser } from './as-user.ts'
import { readCredentials } from './credentials.ts'
import { sendJson } from './json-answer.ts'
import type { Peer } from './peer.ts'
import { refuseRequest } from './refusal.ts'
import type { Exchange, Route } from './route.ts'
import { sessionCookie, sessionIdsIn } from './session-cookie.ts'
import { formChallenge, refusalOf } from './sign-in-refusal.ts'

export interface SignInRoutesOptions {
  readonly signIn: SignIn
  readonly asUser: AsUser
  readonly sessions: CookieSessions
  readonly tickets: Tickets
  peerOf(request: IncomingMessage): Peer
  /** Called when a user has signed out everywhere, to end what is open. */
  onSignedOut(user: string): void
}

/**
 * What a page needs to sign its user in and out, by path. Whoever wires it has refused other origins
 * before: what a browser sends along by itself is no proof of intent.
 */
export function signInRoutes(options: SignInRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, tickets, sessions, onSignedOut } = options
  return new Map<string, Route>([
    ['/login', { post: (exchange, body) => logIn(exchange, body, options) }],
    ['/logout', { post: (exchange) => logOut(exchange, options) }],
    [
      '/logout-everywhere',
      {
        post: (exchange) =>
          asUser(exchange, ({ name }) => {
            sessions.endAllOf(name)
            tickets.voidAllOf(name)
            onSignedOut(name)
            logOut(exchange, options)
          }),
      },
    ],
    [
      '/ticket',
      {
        post: (exchange) =>
          asUser(exchange, (user) => {
            const { lifeSeconds: expiresInSeconds } = tickets
            sendJson(exchange.response, { ticket: tickets.issue(user), expiresInSeconds })
          }),
      },
    ],
    [
      '/session',
      {
        get: (exchange) =>
          asUser(exchange, ({ name, role = null }) => {
            sendJson(exchange.response, { user: name, role })
          }),
      },
    ],
  ])
}

async function logIn(
  { request, response }: Exchange,
  body: Buffer,
  { signIn, sessions, peerOf }: SignInRoutesOptions,
): Promise<void> {
  const credentials = readCredentials(request, body)
  if ('status' in credentials) {
    refuseRequest(response, credentials)
    return
  }
  const { address, isSecure, foreignOrigin } = peerOf(request)
  const result = await signIn(credentials, address, foreignOrigin)
  if (!('user' in result)) {
    refuseRequest(response, refusalOf(result, formChallenge))
    return
  }
  endSessionsOf(request, isSecure, sessions)
  const cookie = sessionCookie(isSecure, sessions.start(result.user), sessions.lifeSeconds)
  sendCookie(response, cookie)
}

function logOut({ request, response }: Exchange, { sessions, peerOf }: SignInRoutesOptions): void {
  const { isSecure } = peerOf(request)
  endSessionsOf(request, isSecure, sessions)
  sendCookie(response, sessionCookie(isSecure, '', 0))
}

/** A browser that signs in anew leaves its former session behind. */
function endSessionsOf(request: IncomingMessage, isSecure: boolean, sessions: CookieSessions) {
  for (const id of sessionIdsIn(request, isSecure)) sessions.end(id)
}

function sendCookie(response: ServerResponse, cookie: string): void {
  response.writeHead(204, { 'Set-Cookie': cookie, 'Cache-Control': 'no-store' }).end()
}
