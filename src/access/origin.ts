import { HubError, quote } from '../core/errors.ts'

/** What is read of a request; an HTTP request of Node has it. */
export interface OriginRequest {
  readonly headers: {
    readonly origin?: string | undefined
    readonly host?: string | undefined
  }
}

/** Stands for every origin, where one has to be named. */
const anyOrigin = '*'

/**
 * Answers whether a request comes from a page that may talk to us: one of ours, or of an origin in
 * `listed`. Browsers send the header Origin and pages cannot change it; who sends none is no
 * browser. `null`, which stands for a page whose origin is kept back, is never ours (RFC 6454, 7.3).
 *
 * The request's Host has to be known as ours already.
 *
 * @throws HubError `bad-config` for an entry of `listed` that is no origin.
 */
export function createOriginCheck<R extends OriginRequest>(
  listed: readonly string[],
  isSecure: (request: R) => boolean,
): (request: R) => boolean {
  const allowed = new Set(listed.map(asBrowsersWrite))
  const isAnyAllowed = allowed.has(anyOrigin)
  return (request) => {
    const { origin, host } = request.headers
    if (origin === undefined) return true
    if (origin === 'null') return false
    if (isAnyAllowed || allowed.has(origin)) return true
    const own = `${isSecure(request) ? 'https' : 'http'}://${host}`
    return URL.canParse(own) && new URL(own).origin === origin
  }
}

/** An origin in lower case and without the port its scheme has anyway. */
function asBrowsersWrite(listed: string): string {
  if (listed === anyOrigin) return listed
  const isOrigin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@*\s]+$/i.test(listed) && URL.canParse(listed)
  if (!isOrigin) {
    const expected = 'expected http.origins to hold origins such as https://page.example:8443, or *'
    throw new HubError('bad-config', `${expected}, got ${quote(listed)}`)
  }
  const { origin } = new URL(listed)
  // Node's URL knows an origin for the schemes of the web only, not for app://page and the like.
  return origin === 'null' ? listed.toLowerCase() : origin
}
