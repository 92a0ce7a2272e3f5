import { isIP } from 'node:net'
import { HubError, quote } from '../core/errors.ts'

/** What is read of a request; an HTTP request of Node has it. */
export interface OriginRequest {
  readonly headers: {
    readonly origin?: string | undefined
    readonly host?: string | undefined
  }
}

/**
 * Whose page a request comes from. Browsers send the header Origin and pages cannot change it; who sends
 * none is no browser, or asks for a page itself.
 */
export interface Origins {
  /**
   * The origin of a page that is neither ours nor listed. What a browser adds by itself to the request of
   * such a page, a password or a cookie, is no proof of what its user wants.
   */
  foreignOf(request: OriginRequest): string | undefined
  /** The origin that is listed, which may read answers from elsewhere (CORS). */
  listedOf(request: OriginRequest): string | undefined
  /** Whether foreign pages may sign in where they say user and password, or a token or ticket, themselves. */
  readonly mayForeignSignIn: boolean
}

/** Stands for every origin, where one has to be named. */
const anyOrigin = '*'

/** Not origins of the web, but sent as such: RFC 6454, 7.3, and what some programs send for files. */
const unusual: ReadonlySet<string> = new Set(['null', 'file://'])

export interface OriginSettings {
  /** `http.origins` of the configuration. */
  readonly listed: readonly string[]
  /** Everybody knows the password, so that whoever gives it proves nothing. */
  readonly isLab: boolean
}

/**
 * Ours is a page of the host and port that the request is for, which has to be known as ours already. Its
 * scheme does not matter: a proxy may add TLS, paho writes https for plain connections, and websocket-client http for TLS.
 *
 * @throws HubError `bad-config` for an entry of `listed` that is no origin.
 */
export function createOrigins({ listed, isLab }: OriginSettings): Origins {
  const allowed = new Set(listed.map(asBrowsersWrite))
  const isListed = (origin: string) =>
    allowed.has(origin) || (origin !== 'null' && allowed.has(anyOrigin))
  return {
    foreignOf: ({ headers: { origin, host = '' } }) =>
      origin === undefined || isListed(origin) || isOwn(origin, host) ? undefined : origin,
    listedOf: ({ headers: { origin } }) =>
      origin !== undefined && isListed(origin) ? origin : undefined,
    mayForeignSignIn: !isLab,
  }
}

/** RFC 9110, 4.2.1 and 4.2.2, and RFC 6455, 3. */
const defaultPorts: Readonly<Record<string, string>> = {
  'http:': '80',
  'https:': '443',
  'ws:': '80',
  'wss:': '443',
}

function isOwn(origin: string, host: string): boolean {
  const own = `http://${host}`
  if (!/^(https?|wss?):\/\/[^/?#@\s]+$/i.test(origin)) return false
  if (!URL.canParse(origin) || !URL.canParse(own)) return false
  const { protocol, hostname, port } = new URL(origin)
  if (hostname !== new URL(own).hostname) return false
  const hostPort = /:(\d+)$/.exec(host)?.[1]
  // Without a port it is the one of the scheme, and a proxy may have changed the scheme.
  const ports = hostPort === undefined ? Object.values(defaultPorts) : [String(Number(hostPort))]
  return ports.includes(port || String(defaultPorts[protocol]))
}

/** An origin in lower case and without the port its scheme has anyway. */
function asBrowsersWrite(listed: string): string {
  if (listed === anyOrigin || unusual.has(listed)) return listed
  const isOrigin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@*\s]+$/i.test(listed) && URL.canParse(listed)
  if (!isOrigin) {
    const expected =
      'expected http.origins to hold origins such as https://page.example:8443, file://, null or *'
    throw new HubError('bad-config', `${expected}, got ${quote(listed)}`)
  }
  const { origin } = new URL(listed)
  // Node's URL knows an origin for the schemes of the web only, not for app://page and the like.
  return origin === 'null' ? listed.toLowerCase() : origin
}

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
