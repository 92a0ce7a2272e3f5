import type { User } from '../access/user.ts'
import { HubError } from '../core/errors.ts'
import type { Exchange } from '../core/route.ts'
import type { AsUser } from './as-user.ts'
import { answerJson } from './json-answer.ts'

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
