import type { IncomingMessage } from 'node:http'
import type { Peer } from './peer.ts'

/**
 * The name of the cookie that holds a session. Cookies know no ports, so the name has the one the browser asks, and
 * the prefix of a proxy: two hubs on one host do not sign each other out.
 *
 * RFC 6265bis, 4.1.3.2: browsers take a name with `__Host-` only from a secure origin, for its own host alone.
 * Without TLS the plain name has to do.
 */
export function cookieNameFor(
  { headers: { host = '' } }: IncomingMessage,
  isSecure: boolean,
  pathPrefix: string,
): string {
  const port = /:(\d+)$/.exec(host)?.[1] ?? (isSecure ? '443' : '80')
  const name = `hub_session_${port}${pathPrefix.replaceAll('/', '.')}`
  return isSecure ? `__Host-${name}` : name
}

/** Every session id a request carries: somebody else on the same host may have set one as well. */
export function sessionIdsIn(
  { headers }: IncomingMessage,
  { cookieName }: Pick<Peer, 'cookieName'>,
): string[] {
  const start = `${cookieName}=`
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return pairs.filter((pair) => pair.startsWith(start)).map((pair) => pair.slice(start.length))
}

/** The `Set-Cookie` that begins a session; with `lifeSeconds` 0 and no id, the one that ends it. */
export function sessionCookie(
  { cookieName, isSecure }: Pick<Peer, 'cookieName' | 'isSecure'>,
  id: string,
  lifeSeconds: number,
): string {
  const always = `${cookieName}=${id}; Path=/; Max-Age=${lifeSeconds}; HttpOnly; SameSite=Strict`
  return isSecure ? `${always}; Secure` : always
}
