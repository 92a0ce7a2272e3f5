import { isIP } from 'node:net'

/**
 * What every answer tells browsers: to load and to connect to nothing but the hub, to show it inside
 * of no other page, to believe its content types, and to give neither its address nor its data away.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** RFC 6797: half a year, for this name only. */
const strictTransport = { 'Strict-Transport-Security': 'max-age=15552000' }

/**
 * What an answer by TLS adds: to come by TLS only from now on. It holds for a name and all of its
 * ports, so it is not said for localhost, where other programs listen; for an address it means nothing.
 */
export function secureHeaders(hostHeader = ''): Readonly<Record<string, string>> {
  const name = hostHeader.replace(/:\d+$/, '').toLowerCase()
  const isShared = name === 'localhost' || name.startsWith('[') || isIP(name) !== 0
  return isShared ? {} : strictTransport
}
