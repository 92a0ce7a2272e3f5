import { isUtf8 } from 'node:buffer'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** Reads an `Authorization: Basic` header (RFC 7617, UTF-8); undefined when it holds none. */
export function parseBasic(header: string | undefined): Credentials | undefined {
  const token = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(header ?? '')?.[1]
  if (token === undefined) return undefined
  const bytes = Buffer.from(token, 'base64')
  // Decoding what is not UTF-8 would make different credentials the same.
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  // The first colon ends the user name; the password may hold more of them.
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Reads an `Authorization: Bearer` header (RFC 6750), which no browser adds by itself; undefined when it holds none. */
export function parseBearer(header: string | undefined): string | undefined {
  return /^Bearer +([\w.~+/-]+=*) *$/i.exec(header ?? '')?.[1]
}
