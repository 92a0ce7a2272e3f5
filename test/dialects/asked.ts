import type { ServedRequest } from '../../src/dialects/served-dialect.ts'

/** A request of nobody that gets `/`, or what `given` makes of it. */
export function asked(given: Partial<ServedRequest> = {}): ServedRequest {
  return {
    method: 'GET',
    path: '/',
    query: new URLSearchParams(),
    headers: {},
    body: Buffer.alloc(0),
    address: '127.0.0.1',
    isSecure: false,
    isOriginAllowed: true,
    subprotocols: [],
    gone: new AbortController().signal,
    signIn: () => Promise.resolve({ refused: 'nobody' }),
    guest: () => undefined,
    actAs: () => undefined,
    ...given,
  }
}
