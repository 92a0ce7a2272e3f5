import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Peer,
  readCredentials,
  sessionCookie,
  sessionIdsIn,
  signInError,
} from '../access/request-sign-in.ts'
import type { CookieSessions, Tickets } from '../access/secrets.ts'
import type { SignIn } from '../access/sign-in.ts'
import type { Exchange, HttpError, Route } from '../core/route.ts'
import { type AsUser, isNavigation } from './as-user.ts'
import { escaped, sendPage } from './html-page.ts'
import { sendJson } from './json-exchange.ts'

export interface SignInRoutesOptions {
  readonly signIn: SignIn
  readonly asUser: AsUser
  /** How a page or a program is refused. */
  readonly quietChallenge: HttpError
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
  exchange: Exchange,
  body: Buffer,
  { signIn, sessions, peerOf, quietChallenge }: SignInRoutesOptions,
): Promise<void> {
  const { request, response, refuse } = exchange
  const isForm = isNavigation(request)
  const credentials = readCredentials(request, body)
  if ('status' in credentials) {
    if (isForm) refuseLoginPage(response, credentials, '')
    else refuse(credentials)
    return
  }
  const peer = peerOf(request)
  const result = await signIn(credentials, peer.address, peer.foreignOrigin)
  if (!('user' in result)) {
    const error = signInError(result, quietChallenge)
    if (isForm) refuseLoginPage(response, error, credentials.user)
    else refuse(error)
    return
  }
  endSessionsOf(request, peer, sessions)
  response.setHeader(
    'Set-Cookie',
    sessionCookie(peer, sessions.start(result.user), sessions.lifeSeconds),
  )
  sendDone(exchange)
}

function logOut(exchange: Exchange, { sessions, peerOf }: SignInRoutesOptions): void {
  const { request, response } = exchange
  const peer = peerOf(request)
  endSessionsOf(request, peer, sessions)
  response.setHeader('Set-Cookie', sessionCookie(peer, '', 0))
  sendDone(exchange)
}

/** A browser that signs in anew leaves its former session behind. */
function endSessionsOf(request: IncomingMessage, peer: Peer, sessions: CookieSessions) {
  for (const id of sessionIdsIn(request, peer)) sessions.end(id)
}

/** A form of a browser leads on to the first page (RFC 9110, 15.4.4); everybody else is told that it is done. */
function sendDone({ request, response }: Exchange): void {
  // Relative, as the links of our pages.
  const onward = { Location: './', 'Content-Length': 0 }
  const [status, headers] = isNavigation(request) ? [303, onward] : [204, {}]
  response.writeHead(status, { ...headers, 'Cache-Control': 'no-store' }).end()
}

/** The form that signs in, for who has no other page that does. */
function sendLoginPage(response: ServerResponse): void {
  sendPage(response, { title, main: form('', '') })
}

/** The same once more after an error, with the user that was given. */
export function refuseLoginPage(response: ServerResponse, error: HttpError, user: string): void {
  const { status, headers = {} } = error
  const text = sentences[status]?.(headers['Retry-After']) ?? error.reason
  const alert = `<p class="alert" role="alert">${escaped(text)}</p>`
  sendPage(response, { title, main: form(alert, user), status, headers })
}

const title = 'Sign in to Clown.Hub'

/** What a person is told, by status. */
const sentences: Readonly<Record<number, (seconds: string | undefined) => string>> = {
  400: () => 'Please give a user and a password.',
  401: () => 'This user and this password do not belong together.',
  429: (seconds) => `Too many wrong passwords were given. Please try again in ${seconds} s.`,
  503: () => 'Too many people are signing in at the moment. Please try again.',
}

function form(alert: string, user: string): string {
  const [userFocus, passwordFocus] = user === '' ? [' autofocus', ''] : ['', ' autofocus']
  return `<h1>Clown.Hub</h1>
${alert}
<form class="sign-in" method="post" action="login">
<label for="user">User</label>
<input id="user" name="user" value="${escaped(user)}" autocomplete="username" autocapitalize="none" spellcheck="false" required${userFocus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${passwordFocus}>
<button>Sign in</button>
</form>`
}
