import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Admit } from '../access/open-access.ts'
import {
  challenge,
  formChallenge,
  type RequestSignIn,
  signInError,
} from '../access/request-sign-in.ts'
import type { Until } from '../access/secrets.ts'
import type { Role, User } from '../access/user.ts'
import { nextTurn } from '../core/clock.ts'
import { HubError } from '../core/errors.ts'
import type { Exchange, HttpError } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { answerJson } from './json-exchange.ts'

/**
 * Runs `act` as the user whose request it is; refuses the request when it is nobody's, or of a user who has none of
 * `roles`.
 */
export type AsUser = (
  exchange: Exchange,
  act: (user: User, until?: Until) => Promise<void> | void,
  roles?: readonly Role[],
) => Promise<void>

interface AsUserOptions {
  readonly quietChallenge?: HttpError
  readonly admit?: Admit
  readonly clientAddress?: (request: IncomingMessage) => string
  readonly sampledLog: SampledLog
}

/**
 * Who comes by the address bar of a browser is asked for a password by the browser; pages and programs are refused
 * by `quietChallenge`, which no browser knows.
 */
export function createAsUser(
  ofRequest: RequestSignIn['ofRequest'],
  { quietChallenge = formChallenge(''), admit, clientAddress, sampledLog }: AsUserOptions,
): AsUser {
  return async ({ request, response, refuse }, act, roles) => {
    const result = await ofRequest(request)
    if ('user' in result) {
      const { user, until } = result
      const error = admit?.(request.socket, user)
      if (error !== undefined) return refuse(error)
      endWith(until, response)
      const denied = roles && roleError(user, roles)
      if (denied === undefined) return act(user, until)
      const fields = { user: user.name, address: clientAddress?.(request), way: 'http' }
      const path = request.url?.split('?')[0]
      sampledLog.warn('right-missing', { ...fields, path }, 'a request was refused')
      return answerJson(response, () => Promise.reject(denied))
    }
    const isAddressBar = request.method === 'GET' && isNavigation(request)
    refuse(signInError(result, isAddressBar ? challenge : quietChallenge))
  }
}

/** An answer that goes on for long ends with the session of who gets it. */
function endWith(until: Until | undefined, response: ServerResponse): void {
  const stop = until?.(() =>
    // Whoever asked for that end is answered first.
    nextTurn(() => {
      if (!response.writableEnded) response.destroy()
    }),
  )
  if (stop !== undefined) response.once('close', stop)
}

/** Runs `ask` as the user whose request it is, when that is an operator or an admin. */
export function asOperator(asUser: AsUser, exchange: Exchange, ask: Ask): Promise<void> {
  return asRole(asUser, exchange, { roles: ['operator', 'admin'], ask })
}

/** The same for admins alone. */
export function asAdmin(asUser: AsUser, exchange: Exchange, ask: Ask): Promise<void> {
  return asRole(asUser, exchange, { roles: ['admin'], ask })
}

type Ask = (user: User) => Promise<unknown> | unknown

interface Asked {
  readonly roles: readonly Role[]
  readonly ask: Ask
}

function asRole(asUser: AsUser, exchange: Exchange, { roles, ask }: Asked): Promise<void> {
  return asUser(exchange, (user) => answerJson(exchange.response, () => ask(user)), roles)
}

function roleError({ role = 'none' }: User, roles: readonly Role[]): HubError | undefined {
  if (roles.some((each) => each === role)) return undefined
  const expected = `expected a user of role ${roles.join(' or ')}`
  return new HubError('forbidden', `${expected}, got role ${role}`)
}

/** Whether a person asks with the address bar, a link or a form of a browser, and not a page or program for them. */
export function isNavigation({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-mode'] === 'navigate' || headers.accept?.includes('text/html') === true
}
