import type { User } from '../access/user.ts'
import { refuseRequest } from './refusal.ts'
import type { RequestSignIn } from './request-sign-in.ts'
import type { Exchange } from './route.ts'
import { formChallenge, refusalOf } from './sign-in-refusal.ts'

/** Runs `act` as the user whose request it is; refuses the request when it is nobody's. */
export type AsUser = (
  exchange: Exchange,
  act: (user: User) => Promise<void> | void,
) => Promise<void>

export function createAsUser(ofRequest: RequestSignIn['ofRequest']): AsUser {
  return async ({ request, response }, act) => {
    const result = await ofRequest(request)
    if ('user' in result) await act(result.user)
    else refuseRequest(response, refusalOf(result, formChallenge))
  }
}
