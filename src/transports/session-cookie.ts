import type { IncomingMessage } from 'node:http'

/**
 * RFC 6265bis, 4.1.3.2: browsers take a name with this prefix only from a secure origin, for its own host
 * alone. Without TLS the plain name has to do.
 */
function nameFor(isSecure: boolean): string {
  return isSecure ? '__Host-hub_session' : 'hub_session'
}

/** Every session id a request carries: another port of the same host may have set one as well. */
export function sessionIdsIn({ headers }: IncomingMessage, isSecure: boolean): string[] {
  const start = `${nameFor(isSecure)}=`
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return pairs.filter((pair) => pair.startsWith(start)).map((pair) => pair.slice(start.length))
}

/** The `Set-Cookie` that begins a session; with `lifeSeconds` 0 and no id, the one that ends it. */
export function sessionCookie(isSecure: boolean, id: string, lifeSeconds: number): string {
  const always = `${nameFor(isSecure)}=${id}; Path=/; Max-Age=${lifeSeconds}; HttpOnly; SameSite=Strict`
  return isSecure ? `${always}; Secure` : always
}
