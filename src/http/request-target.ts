import type { IncomingMessage } from 'node:http'

/**
 * RFC 9112, 3.2.2: the target of a request may be a complete URL. Everybody behind this sees its path, and its
 * host in place of the one in the header.
 */
export function useOriginForm(request: IncomingMessage): void {
  const [, authority, path] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is.exec(`${request.url}`) ?? []
  if (authority === undefined || path === undefined) return
  request.url = path.startsWith('/') ? path : `/${path}`
  request.headers.host = authority
}
