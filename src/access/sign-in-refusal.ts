import type { Refusal } from '../core/refusal.ts'
import type { RequestSignInResult } from './request-sign-in.ts'

type Refused = Exclude<RequestSignInResult, { user: unknown }>

const reason = 'expected a user and a password of this hub'

/** RFC 7617. Browsers send the credentials of a websocket URL only in answer to this challenge. */
export const challenge: Refusal = {
  status: 401,
  reason,
  headers: { 'WWW-Authenticate': 'Basic realm="hub", charset="UTF-8"' },
}

/**
 * RFC 9110, 15.5.2, demands a challenge with each 401. A browser would meet Basic with a window of its
 * own, over the form of the page; it knows no `Cookie` scheme (draft-broyer-http-cookie-auth).
 */
export function formChallenge(pathPrefix: string): Refusal {
  const form = `form-action="${pathPrefix}/login"`
  return { status: 401, reason, headers: { 'WWW-Authenticate': `Cookie realm="hub", ${form}` } }
}

/** How a request that is not let in is answered; `unknown` is the answer to wrong credentials and none. */
export function refusalOf(refused: Refused, unknown: Refusal): Refusal {
  if (!('retryAfterSeconds' in refused)) return unknown
  const headers = { 'Retry-After': String(refused.retryAfterSeconds) }
  // RFC 6585, 4.
  return refused.refused === 'throttled'
    ? { status: 429, reason: 'expected fewer wrong passwords: try again later', headers }
    : { status: 503, reason: 'expected fewer sign-ins at once: try again later', headers }
}
