/** Who comes in by HTTP Basic, a cookie, or as a guest, and what everybody else is told. */
import { isLoopback } from '../access/address.ts'
import type { User } from '../access/user.ts'
import type { ServedAnswer, ServedRequest, ServedSignIn } from './served-dialect.ts'

/** Whose request it is; or the answer of who is not let in, which asks for credentials by `challenge`. */
export async function authenticate(
  request: ServedRequest,
  challenge: string,
): Promise<User | ServedAnswer> {
  const result = await request.signIn()
  if ('user' in result) return result.user
  const guest = result.refused === 'nobody' ? request.guest() : undefined
  return guest ?? refusal(result, challenge)
}

export function isAnswer(found: User | ServedAnswer): found is ServedAnswer {
  return 'status' in found
}

const plainText = { 'Content-Type': 'text/plain; charset=utf-8' }

function refusal(
  result: Exclude<ServedSignIn, { readonly user: User }>,
  challenge: string,
): ServedAnswer {
  if ('retryAfterSeconds' in result) {
    const headers = { ...plainText, 'Retry-After': String(result.retryAfterSeconds) }
    // RFC 6585, 4: too many requests; RFC 9110, 15.6.4: unavailable for now.
    return result.refused === 'throttled'
      ? { status: 429, headers, body: 'too many wrong passwords were given\n' }
      : { status: 503, headers, body: 'too many passwords wait to be checked\n' }
  }
  const body = 'expected a user and password of the hub\n'
  return { status: 401, headers: { ...plainText, 'WWW-Authenticate': challenge }, body }
}

/**
 * Whether whoever sends the request means what it does. A page of strangers can make a browser get any
 * address, without an Origin that tells on it, but with the cookies and the place in the network of its
 * user. A POST of theirs has an Origin, at which the hub has looked.
 */
export function isSameSiteWrite(request: ServedRequest): boolean {
  const { method, headers } = request
  const site = headers['sec-fetch-site'] ?? 'none'
  // The Fetch standard: whether the page is of the same origin; none is what a user typed.
  if (site !== 'same-origin' && site !== 'none') return false
  return (
    method === 'POST' ||
    (headers['authorization'] !== undefined && !isBrowserWithoutFetchMetadata(request))
  )
}

/**
 * Whether this is a browser that does not say for which page it asks: it does so only at addresses it
 * trusts, by TLS or on its own machine, and adds the password it remembers everywhere.
 */
function isBrowserWithoutFetchMetadata({ headers, isSecure, address }: ServedRequest): boolean {
  const isBrowser = headers['user-agent']?.startsWith('Mozilla/') === true
  return isBrowser && headers['sec-fetch-site'] === undefined && !isSecure && !isLoopback(address)
}
