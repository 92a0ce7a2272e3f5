/** Whose pages may open a websocket. */
import type { ServedRequest } from '../served-dialect.ts'

/** The names of this machine. */
const ownHosts = ['localhost', '127.0.0.1', '[::1]']

/** As Ratchet looks at it: the host of the Origin has to be in the list, and none is the empty one. */
export function isHostAllowed(
  { headers, isOriginAllowed }: ServedRequest,
  listed: readonly string[] | undefined,
): boolean {
  const { origin = '' } = headers
  const host = hostOf(origin)
  if (listed !== undefined) return (listed.length === 0 ? [''] : listed).includes(host)
  if (origin === '') return false
  return isOriginAllowed || host === hostOf(`http://${headers['host']}`) || ownHosts.includes(host)
}

/** The host of a URL; what is none stays as it is. */
function hostOf(origin: string): string {
  const host = URL.canParse(origin) ? new URL(origin).hostname : ''
  return host === '' ? origin : host
}
