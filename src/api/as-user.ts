import type { ServerResponse } from 'node:http'
import type { RequestSignIn } from '../access/request-sign-in.ts'
import type { Until } from '../access/secrets.ts'
import { challenge, formChallenge, refusalOf } from '../access/sign-in-refusal.ts'
import type { User } from '../access/user.ts'
import { type Refusal, refuseRequest } from '../core/refusal.ts'
import type { Exchange } from '../core/route.ts'
import { isNavigation } from './navigation.ts'

/** Runs `act` as the user whose request it is; refuses the request when it is nobody's. */
export type AsUser = (
  exchange: Exchange,
  act: (user: User, until?: Until) => Promise<void> | void,
) => Promise<void>

/**
 * Who comes by the address bar of a browser is asked for a password by the browser; pages and programs are refused
 * by `quietChallenge`, which no browser knows.
 */
export function createAsUser(
  ofRequest: RequestSignIn['ofRequest'],
  quietChallenge: Refusal = formChallenge(''),
): AsUser {
  return async ({ request, response }, act) => {
    const result = await ofRequest(request)
    if ('user' in result) {
      endWith(result.until, response)
      return act(result.user, result.until)
    }
    const isAddressBar = request.method === 'GET' && isNavigation(request)
    refuseRequest(response, refusalOf(result, isAddressBar ? challenge : quietChallenge))
  }
}

/** An answer that goes on for long ends with the session of who gets it. */
function endWith(until: Until | undefined, response: ServerResponse): void {
  const stop = until?.(() =>
    // Whoever asked for that end is answered first.
    setImmediate(() => {
      if (!response.writableEnded) response.destroy()
    }),
  )
  if (stop !== undefined) response.once('close', stop)
}
