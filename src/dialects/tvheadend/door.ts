/** Who comes in: by Digest, by Basic or a cookie, or as a guest. */
import type { User } from '../../access/user.ts'
import { comeIn, isAnswer } from '../entrance.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import { htmlAnswer } from './html-answer.ts'

type DoorContext = Pick<ServedContext, 'digest'>

/**
 * Whose request it is, or the answer of who is not let in. As by the original, whoever gives nothing is
 * asked for something by 401, and whoever gives something wrong is sent away by 403.
 */
export async function enter(
  request: ServedRequest,
  { digest }: DoorContext,
): Promise<User | ServedAnswer> {
  const { authorization = '' } = request.headers
  // What a browser adds for the page of a stranger counts no more than a cookie.
  if (/^digest /i.test(authorization) && request.isOriginAllowed) {
    return enterByDigest(request, authorization, digest)
  }
  // Most clients of the original can do nothing but Digest, so that it is alone where it is of use.
  const challenge = digest.isOfUse()
    ? digest.challenge()
    : 'Basic realm="tvheadend", charset="UTF-8"'
  const found = await comeIn(request, challenge)
  const isWrong = isAnswer(found) && found.status === 401 && /^basic /i.test(authorization)
  return isWrong && request.isOriginAllowed ? htmlAnswer(403) : found
}

async function enterByDigest(
  request: ServedRequest,
  authorization: string,
  digest: DoorContext['digest'],
): Promise<User | ServedAnswer> {
  const { method, address, path, query } = request
  const isFor = (uri: string) => isSamePlace(uri, path, query)
  const result = await digest.signIn({ method, authorization, address, isFor })
  if ('user' in result) return result.user
  if ('retryAfterSeconds' in result) {
    return htmlAnswer(429, { 'Retry-After': String(result.retryAfterSeconds) })
  }
  if (result.refused === 'wrong') return htmlAnswer(403)
  return htmlAnswer(401, { 'WWW-Authenticate': digest.challenge(result.refused === 'stale') })
}

/** A proxy may have cut a prefix off, and some clients name the whole URL. */
function isSamePlace(uri: string, path: string, query: URLSearchParams): boolean {
  const [place = '', ...rest] = uri.split('?')
  const asked = new URLSearchParams(rest.join('?'))
  return place.endsWith(path) && asked.toString() === query.toString()
}
