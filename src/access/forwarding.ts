import { isIP } from 'node:net'
import { createNetworks, unmapped } from './address.ts'

/** What is read of a request; an HTTP request of Node has it. */
export interface ForwardableRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/** Looks past the reverse proxies that are trusted, and past no others. */
export interface Forwarding {
  isProxy(address: string | undefined): boolean
  /**
   * Where a request comes from: the last address in `X-Forwarded-For` that is no proxy of ours,
   * since whatever stands before it may have been made up. `unknown` once the connection has closed.
   */
  clientAddress(request: ForwardableRequest): string
  /** Whether a request came by TLS, to us or to the proxy next to us. */
  isSecure(request: ForwardableRequest): boolean
}

/**
 * `trusted` has the addresses of proxies, or their networks as in `10.0.0.0/8`.
 *
 * @throws HubError `bad-config` for something else.
 */
export function createForwarding(trusted: readonly string[]): Forwarding {
  const isTrusted = createNetworks(trusted, 'http.trustProxy')
  const isProxy = (address = '') => isTrusted(address)
  return {
    isProxy,
    clientAddress: ({ headers, socket }) => {
      let address = unmapped(socket.remoteAddress ?? 'unknown')
      for (const earlier of itemsOf(headers['x-forwarded-for']).map(withoutPort).reverse()) {
        if (!isProxy(address) || isIP(earlier) === 0) break
        address = unmapped(earlier)
      }
      return address
    },
    isSecure: ({ headers, socket }) => {
      const told = isProxy(socket.remoteAddress) ? itemsOf(headers['x-forwarded-proto']).at(-1) : ''
      return told ? told.toLowerCase() === 'https' : 'encrypted' in socket
    },
  }
}

/** Some proxies write the port as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`, and `[2001:db8::1]` without. */
function withoutPort(item: string): string {
  const [, bracketed, dotted] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(item) ?? []
  return bracketed ?? dotted ?? item
}

function itemsOf(header: string | string[] | undefined): string[] {
  return String(header ?? '')
    .split(',')
    .map((item) => item.trim())
}
