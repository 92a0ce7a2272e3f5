import type { ServerResponse } from 'node:http'
import type { User } from '../access/user.ts'
import { type ErrorCode, HubError } from '../core/errors.ts'
import type { AsUser } from './as-user.ts'
import { sendError, sendJson } from './json-answer.ts'
import type { Exchange } from './route.ts'

/** RFC 9110, 15.5: how an HTTP client sees a refusal. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  forbidden: 403,
  locked: 409,
  'too-many': 409,
  'cannot-write-store': 503,
}

/** Answers with what `ask` answers, as JSON; with its HubError, when it throws one. */
export async function answerJson(
  response: ServerResponse,
  ask: () => Promise<unknown> | unknown,
): Promise<void> {
  try {
    sendJson(response, await ask())
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    sendError(response, error, statuses[error.code] ?? 400)
  }
}

/** Runs `ask` as the user whose request it is, when that is an operator or an admin. */
export function asOperator(
  asUser: AsUser,
  exchange: Exchange,
  ask: (user: User) => Promise<unknown> | unknown,
): Promise<void> {
  return asUser(exchange, (user) =>
    answerJson(exchange.response, () => {
      const { role = 'none' } = user
      if (role === 'operator' || role === 'admin') return ask(user)
      throw new HubError('forbidden', `expected a user of role operator or admin, got role ${role}`)
    }),
  )
}
