import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Admit } from '../access/open-access.ts'
import { newPasswordError } from '../access/passwords.ts'
import {
  type Peer,
  readCredentials,
  sessionCookie,
  sessionIdsIn,
  signInError,
} from '../access/request-sign-in.ts'
import type { CookieSessions, Tickets } from '../access/secrets.ts'
import type { SecurityLog } from '../access/security-log.ts'
import type { ShareLinks } from '../access/share-links.ts'
import type { Credentials, SignIn } from '../access/sign-in.ts'
import { isToken } from '../access/tokens.ts'
import type { OpenedUserDirectory } from '../access/user-directory.ts'
import { HubError } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Exchange, HttpError, Route } from '../core/route.ts'
import type { PasswordRequest } from '../generated/password.ts'
import { validatePasswordRequest } from '../generated/validate-requests.js'
import { type AsUser, isNavigation } from './as-user.ts'
import { escaped, sendPage } from './html-page.ts'
import { orSendError, readJson, sendJson } from './json-exchange.ts'

export interface SignInRoutesOptions {
  readonly signIn: SignIn
  readonly admit: Admit
  readonly asUser: AsUser
  /** How a page or a program is refused. */
  readonly quietChallenge: HttpError
  readonly sessions: CookieSessions
  readonly securityLog: Pick<SecurityLog, 'note'>
  readonly tickets: Tickets
  peerOf(request: IncomingMessage): Peer
  /** Ends all that a user has signed in to. */
  signOutEverywhere(user: string): void
  readonly directory: Pick<OpenedUserDirectory, 'find' | 'setPassword'>
  /** The links by which others may look, whose users are known by their names. */
  readonly links: Pick<ShareLinks, 'find'>
  /** How many bytes a password may have. */
  readonly passwordBytes: number
  readonly jsonLimits: JsonLimits
}

/**
 * What a page needs to sign its user in and out, by path. Whoever wires it has refused other origins
 * before: what a browser sends along by itself is no proof of intent.
 */
export function signInRoutes(options: SignInRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, tickets, signOutEverywhere } = options
  return new Map<string, Route>([
    [
      '/login',
      {
        get: ({ response }) => sendLoginPage(response),
        post: (exchange, body) => logIn(exchange, body, options),
      },
    ],
    ['/logout', { post: (exchange) => logOut(exchange, options) }],
    ['/api/password', passwordRoute(options)],
    [
      '/logout-everywhere',
      {
        post: (exchange) =>
          asUser(exchange, ({ name }) => {
            signOutEverywhere(name)
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
            const link = options.links.find(name)
            const share = link && { title: link.title, until: link.until }
            sendJson(exchange.response, { user: name, role, share })
          }),
      },
    ],
  ])
}

async function logIn(
  exchange: Exchange,
  body: Buffer,
  { signIn, admit, sessions, securityLog, peerOf, quietChallenge }: SignInRoutesOptions,
): Promise<void> {
  const { request, response, refuse } = exchange
  const isForm = isNavigation(request)
  const credentials = readCredentials(request, body)
  if ('status' in credentials) {
    if (isForm) refuseLoginPage(response, credentials)
    else refuse(credentials)
    return
  }
  const peer = peerOf(request)
  const turnAway = (error: HttpError) => {
    if (isForm) refuseLoginPage(response, error, credentials)
    else refuse(error)
  }
  const result = await signIn(credentials, peer.address, peer.foreignOrigin)
  if (!('user' in result)) return turnAway(signInError(result, quietChallenge))
  const error = admit(request.socket, result.user)
  if (error !== undefined) return turnAway(error)
  const { name } = result.user
  securityLog.note('signed-in', { user: name, address: peer.address, way: 'login' })
  endSessionsOf(request, peer, sessions)
  response.setHeader(
    'Set-Cookie',
    sessionCookie(peer, sessions.start(result.user), sessions.lifeSeconds),
  )
  sendDone(exchange)
}

/**
 * `POST /api/password`: users of the users file change their own. What the old one has opened ends, and a page that
 * is signed in by cookie gets another one.
 */
function passwordRoute(options: SignInRoutesOptions): Route {
  const { asUser, directory, sessions, peerOf } = options
  return {
    post: (exchange, body) =>
      asUser(exchange, (user, until) =>
        orSendError(exchange.response, async () => {
          const { request, response, refuse } = exchange
          const asked = readJson(body, validatePasswordRequest, options.jsonLimits)
          const peer = peerOf(request)
          const error = await passwordRefusal(user.name, { asked, peer }, options)
          if (error !== undefined) return refuse(error)
          await directory.setPassword(user.name, asked.new)
          const now = directory.find(user.name)
          if (until !== undefined && now !== undefined) {
            const cookie = sessionCookie(peer, sessions.start(now), sessions.lifeSeconds)
            response.setHeader('Set-Cookie', cookie)
          }
          response.writeHead(204, { 'Cache-Control': 'no-store' }).end()
        }),
      ),
  }
}

interface PasswordAsked {
  readonly asked: PasswordRequest
  readonly peer: Peer
}

/**
 * How a request for another password is refused; undefined when it is not. The old one is checked as for a sign-in, and counts among
 * the failures; a token is none.
 *
 * @throws HubError `bad-payload` for what nobody could sign in with.
 */
async function passwordRefusal(
  user: string,
  { asked, peer }: PasswordAsked,
  { signIn, passwordBytes }: SignInRoutesOptions,
): Promise<HttpError | undefined> {
  const fault = newPasswordError(asked.new, passwordBytes)
  if (fault !== undefined) throw new HubError('bad-payload', fault)
  if (isToken(asked.old)) return wrongPassword
  const { address, foreignOrigin } = peer
  const given = { user, password: asked.old, code: asked.code }
  const result = await signIn(given, address, foreignOrigin)
  return 'user' in result ? undefined : signInError(result, wrongPassword)
}

/** Who asks is signed in, and stays so: 401 would have a page ask for it all. */
const wrongPassword: HttpError = {
  status: 403,
  code: 'wrong-password',
  reason: 'expected the password as it is, got another one',
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
  sendPage(response, { title, main: form() })
}

/** The same once more after an error, with the user that was given. */
export function refuseLoginPage(
  response: ServerResponse,
  error: HttpError,
  given?: Pick<Credentials, 'user' | 'code'>,
): void {
  const { status, headers = {}, code } = error
  const isCodeNeeded = code === 'code-needed'
  const sentence = sentences[status]?.(headers['Retry-After']) ?? error.reason
  const text = isCodeNeeded ? 'This user signs in with a code besides.' : sentence
  const alert = `<p class="alert" role="alert">${escaped(text)}</p>`
  const hasCode = isCodeNeeded || given?.code !== undefined
  sendPage(response, { title, main: form({ alert, user: given?.user, hasCode }), status, headers })
}

const title = 'Sign in to Clown.Hub'

/** What a person is told, by status. */
const sentences: Readonly<Record<number, (seconds: string | undefined) => string>> = {
  400: () => 'Please give a user and a password.',
  401: () => 'This user and this password do not belong together.',
  429: (seconds) => `Too many wrong passwords were given. Please try again in ${seconds} s.`,
  503: () => 'Too many people are signing in at the moment. Please try again.',
}

interface FormState {
  readonly alert?: string
  readonly user?: string | undefined
  /** Whether the field for a code is to be seen at once; few have one. */
  readonly hasCode?: boolean
}

function form({ alert = '', user = '', hasCode = false }: FormState = {}): string {
  const [userFocus, passwordFocus] = user === '' ? [' autofocus', ''] : ['', ' autofocus']
  return `<h1>Clown.Hub</h1>
${alert}
<form class="sign-in" method="post" action="login">
<label for="user">User</label>
<input id="user" name="user" value="${escaped(user)}" autocomplete="username" autocapitalize="none" spellcheck="false" required${userFocus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${passwordFocus}>
<details${hasCode ? ' open' : ''}>
<summary>With a code</summary>
<label for="code">Code of your authenticator app</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="9">
</details>
<button>Sign in</button>
</form>`
}
