import { isIP } from 'node:net'

/**
 * Whether a request names us: by `localhost`, a literal address, or one of `knownHosts`. A page that
 * points its own name at our address (DNS rebinding) carries that name in its Host header.
 */
export function isKnownHost(
  hostHeader: string | undefined,
  knownHosts: readonly string[],
): boolean {
  const name = hostName(hostHeader ?? '')
  return (
    name === 'localhost' ||
    isIP(name) !== 0 ||
    knownHosts.some((known) => known.toLowerCase() === name)
  )
}

/** The name in `name`, `name:port` or `[address]:port`, lower-cased; empty when it is none. */
function hostName(hostHeader: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(hostHeader)
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase()
}
