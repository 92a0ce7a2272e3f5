/** HTTP Digest (RFC 7616) with MD5, which is all that some clients of other systems can do. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { SampledLog } from '../core/sampled-log.ts'
import type { LoginThrottle } from './login-throttle.ts'
import type { SignInResult } from './sign-in.ts'
import { normalForm, type UserDirectory } from './user.ts'

/** The realm of Tvheadend: a secret is good for one realm only. */
const digestRealm = 'tvheadend'

/**
 * What a user needs on our side to sign in by Digest (RFC 7616, 3.4.2: A1). Whoever has it can do that
 * without the password, and guess the password fast.
 */
export function digestSecretOf(user: string, password: string, realm = digestRealm): string {
  return md5([user, realm, password].map(normalForm).join(':'))
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
}

/** A request that somebody signs in with. */
export interface DigestedRequest {
  readonly method: string
  /** Its Authorization header. */
  readonly authorization: string
  readonly address: string
  /** Whether `uri` is what was asked for: a proxy may have cut something off. */
  isFor(uri: string): boolean
}

/** `nobody`: the header cannot be read; `stale`: the nonce is not good (any more), try again with another. */
export type DigestResult = SignInResult | { readonly refused: 'nobody' | 'stale' }

export interface DigestSignIn {
  /** Whether anybody can sign in that way. */
  isOfUse(): boolean
  /** What to answer in a WWW-Authenticate header. */
  challenge(isStale?: boolean): string
  signIn(request: DigestedRequest): Promise<DigestResult>
}

export interface DigestSignInOptions {
  readonly directory: Pick<UserDirectory, 'find' | 'all'>
  readonly throttle: LoginThrottle
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

export function createDigestSignIn(options: DigestSignInOptions): DigestSignIn {
  const { directory, throttle, sampledLog, now = () => performance.now() } = options
  const nonces = createNonces(now)
  // Whoever has no secret is compared with one that nobody has.
  const nobody = digestSecretOf('', randomBytes(16).toString('hex'))
  const userBy = (given: DigestCredentials, { method, isFor }: DigestedRequest) => {
    const user = directory.find(given.username)
    const secret = user?.digestSecret ?? nobody
    const isRight = isSame(digestResponse(given, method, secret), given.response)
    // There is no place for a code.
    return isRight && isFor(given.uri) && user?.totp === undefined ? user : undefined
  }
  const refuse = (name: string, address: string): DigestResult => {
    const fields = { user: name.slice(0, 64), address }
    sampledLog.warn('sign-in-refused', fields, 'a wrong user, password or token was given')
    return { refused: 'wrong' }
  }
  const attempt = async (
    given: DigestCredentials,
    request: DigestedRequest,
  ): Promise<DigestResult> => {
    const turn = throttle.begin(given.username, request.address)
    if ('waitMs' in turn) return throttled(turn.waitMs)
    if (turn.delayMs > 0) await delay(turn.delayMs)
    const user = userBy(given, request)
    turn.end(user === undefined ? 'wrong' : 'right')
    if (user === undefined) return refuse(given.username, request.address)
    // Only of who knows the secret the use of a nonce is worth remembering.
    return nonces.use(given.nonce, given.count) ? { user } : { refused: 'stale' }
  }
  return {
    isOfUse: () => directory.all().some(({ digestSecret }) => digestSecret !== undefined),
    challenge: (isStale = false) => {
      const fixed = `realm="${digestRealm}", qop="auth", algorithm=MD5`
      const once = `nonce="${nonces.make()}", opaque="${md5(digestRealm)}"`
      return `Digest ${fixed}, ${once}${isStale ? ', stale=true' : ''}`
    },
    signIn: async (request) => {
      const given = parseDigest(request.authorization)
      if (given === undefined) return { refused: 'nobody' }
      return nonces.isGood(given.nonce) ? attempt(given, request) : { refused: 'stale' }
    },
  }
}

function throttled(waitMs: number): SignInResult {
  return { refused: 'throttled', retryAfterSeconds: Math.ceil(waitMs / 1000) }
}

interface DigestCredentials {
  readonly username: string
  readonly nonce: string
  readonly uri: string
  readonly response: string
  /** The nonce count as it was written, 8 hexadecimal digits. */
  readonly nc: string
  readonly count: number
  readonly cnonce: string
}

/** One pair of the list, behind the one before: where none stands, the list ends, so that each letter is looked at once. */
const digestPair = /[\s,]*([a-z-]+) *= *(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/giy

const digestScheme = /^Digest +/i

/** The values of a header of Digest, by their names in lower case: of a challenge, or of an answer to one. */
export function digestValues(header: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const list = header.replace(digestScheme, '')
  for (const [, name = '', quoted, plain = ''] of list.matchAll(digestPair)) {
    const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1')
    values.set(name.toLowerCase(), value)
  }
  return values
}

/** Reads an `Authorization: Digest` header; undefined when it holds none that could be good. */
export function parseDigest(header: string): DigestCredentials | undefined {
  if (!digestScheme.test(header) || header.length > 4096) return undefined
  const values = digestValues(header)
  const of = (name: string) => values.get(name) ?? ''
  const [username, nonce, uri, nc, cnonce] = ['username', 'nonce', 'uri', 'nc', 'cnonce'].map(of)
  const response = of('response').toLowerCase()
  // Without a count nobody could tell a request from its replay.
  if (of('qop').toLowerCase() !== 'auth' || !/^[0-9a-f]{8}$/i.test(of('nc'))) return undefined
  if (of('realm') !== digestRealm || !/^(md5)?$/i.test(of('algorithm'))) return undefined
  if (!username || !nonce || !uri || !nc || !cnonce || response.length !== 32) return undefined
  return { username, nonce, uri, response, nc, cnonce, count: Number.parseInt(nc, 16) }
}

/** RFC 7616, 3.4.1. */
export function digestResponse(
  given: Pick<DigestCredentials, 'nonce' | 'nc' | 'cnonce' | 'uri'>,
  method: string,
  secret: string,
): string {
  const { nonce, nc, cnonce, uri } = given
  return md5(`${secret}:${nonce}:${nc}:${cnonce}:auth:${md5(`${method}:${uri}`)}`)
}

function isSame(one: string, other: string): boolean {
  const [ours, theirs] = [Buffer.from(one), Buffer.from(other)]
  return ours.length === theirs.length && timingSafeEqual(ours, theirs)
}

/** So long a nonce is good. */
const nonceLifeMs = 5 * 60_000

/** Of a browser's parallel requests a later count may come first, by no more than this. */
const countWindow = 128

/** How many nonces in use are kept in mind. */
const mostNonces = 4096

interface UsedNonce {
  readonly madeMs: number
  highest: number
  readonly counts: Set<number>
}

/**
 * Nonces that carry when they were made, signed by us, so that asking for one leaves nothing behind here;
 * those that were used are remembered with their counts, each of which is good once.
 */
function createNonces(now: () => number) {
  const key = randomBytes(32)
  let forgottenMs = Number.NEGATIVE_INFINITY
  const used = new LRUCache<string, UsedNonce>({
    max: mostNonces,
    // Its counts are not known any more, and so it must not be good any more.
    dispose: ({ madeMs }) => {
      forgottenMs = Math.max(forgottenMs, madeMs)
    },
  })
  const signed = (text: string) => `${text}-${createHmac('sha256', key).update(text).digest('hex')}`
  const madeMsOf = (nonce: string) => Number.parseInt(nonce, 16)
  const isGood = (nonce: string) => {
    const madeMs = madeMsOf(nonce)
    const isOurs = isSame(signed(nonce.replace(/-[^-]*$/, '')), nonce)
    return isOurs && now() - madeMs < nonceLifeMs && madeMs > forgottenMs
  }
  const remember = (nonce: string): UsedNonce => {
    const fresh = { madeMs: madeMsOf(nonce), highest: 0, counts: new Set<number>() }
    used.set(nonce, fresh)
    return fresh
  }
  return {
    make: () => signed(`${Math.floor(now()).toString(16)}-${randomBytes(8).toString('hex')}`),
    isGood,
    /** Whether it was not used with this count before. */
    use: (nonce: string, count: number): boolean => {
      // Not by its use: the one that was made the longest ago is to be forgotten first.
      const use = used.peek(nonce) ?? remember(nonce)
      if (count <= use.highest - countWindow || use.counts.has(count)) return false
      use.counts.add(count)
      use.highest = Math.max(use.highest, count)
      for (const old of use.counts) if (old <= use.highest - countWindow) use.counts.delete(old)
      return true
    },
  }
}
