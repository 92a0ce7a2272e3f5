import type { IncomingMessage } from 'node:http'
import { readCredentials } from '../access/credentials.ts'
import type { Peer } from '../access/peer.ts'
import type { CookieSessions, Tickets } from '../access/secrets.ts'
import { sessionCookie, sessionIdsIn } from '../access/session-cookie.ts'
import type { SignIn } from '../access/sign-in.ts'
import { refusalOf } from '../access/sign-in-refusal.ts'
import { type Refusal, refuseRequest } from '../core/refusal.ts'
import type { Exchange, Route } from '../core/route.ts'
import type { AsUser } from './as-user.ts'
import { sendJson } from './json-answer.ts'
import { refuseLoginPage, sendLoginPage } from './login-page.ts'
import { isNavigation, sendOn } from './navigation.ts'

export interface SignInRoutesOptions {
  readonly signIn: SignIn
  readonly asUser: AsUser
  /** How a page or a program is refused. */
  readonly quietChallenge: Refusal
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
    [
      '/login',
      {
        get: ({ response }) => sendLoginPage(response),
        post: (exchange, body) => logIn(exchange, body, options),
      },
    ],
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
          asUser(exchange, (user, until) => {
            const { lifeSeconds: expiresInSeconds } = tickets
            sendJson(exchange.response, { ticket: tickets.issue(user, until), expiresInSeconds })
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
  { signIn, sessions, peerOf, quietChallenge }: SignInRoutesOptions,
): Promise<void> {
  const isForm = isNavigation(request)
  const credentials = readCredentials(request, body)
  if ('status' in credentials) {
    if (isForm) refuseLoginPage(response, credentials, '')
    else refuseRequest(response, credentials)
    return
  }
  const peer = peerOf(request)
  const result = await signIn(credentials, peer.address, peer.foreignOrigin)
  if (!('user' in result)) {
    const refusal = refusalOf(result, quietChallenge)
    if (isForm) refuseLoginPage(response, refusal, credentials.user)
    else refuseRequest(response, refusal)
    return
  }
  endSessionsOf(request, peer, sessions)
  response.setHeader(
    'Set-Cookie',
    sessionCookie(peer, sessions.start(result.user), sessions.lifeSeconds),
  )
  sendDone({ request, response })
}

function logOut({ request, response }: Exchange, { sessions, peerOf }: SignInRoutesOptions): void {
  const peer = peerOf(request)
  endSessionsOf(request, peer, sessions)
  response.setHeader('Set-Cookie', sessionCookie(peer, '', 0))
  sendDone({ request, response })
}

/** A browser that signs in anew leaves its former session behind. */
function endSessionsOf(request: IncomingMessage, peer: Peer, sessions: CookieSessions) {
  for (const id of sessionIdsIn(request, peer)) sessions.end(id)
}

/** A form of a browser leads on to the first page; everybody else is told that it is done. */
function sendDone({ request, response }: Exchange): void {
  if (isNavigation(request)) sendOn(response, './')
  else response.writeHead(204, { 'Cache-Control': 'no-store' }).end()
}
