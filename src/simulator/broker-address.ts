import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'

/** Where a broker listens and who we are to it. */
export interface BrokerAddress {
  readonly protocol: 'mqtt' | 'mqtts'
  readonly host: string
  /** Left out for the protocol's own port: 1883, with TLS 8883. */
  readonly port?: number
  readonly username?: string
  readonly password?: string
}

/**
 * Reads `mqtt://[user:password@]host[:port]` (`mqtts://` with TLS), user and password
 * percent-encoded.
 *
 * @throws HubError `cannot-connect` for any other text, which is not repeated: it may hold a
 * password.
 */
export function readBrokerUrl(text: string): BrokerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !isBrokerUrl(url)) throw badUrl()
  return {
    protocol: url.protocol === 'mqtts:' ? 'mqtts' : 'mqtt',
    // Sockets take an IPv6 address without the brackets that a URL has around it.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(url.username === '' ? {} : { username: percentDecoded(url.username) }),
    ...(url.password === '' ? {} : { password: percentDecoded(url.password) }),
  }
}

// A path, a query or a fragment is mostly the rest of a password with an unencoded / ? or # in it;
// then the host and port are wrong too, and must neither be dialled nor shown.
function isBrokerUrl(url: URL): boolean {
  const isMqtt = url.protocol === 'mqtt:' || url.protocol === 'mqtts:'
  const hasRest = !['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== ''
  return isMqtt && url.hostname !== '' && !hasRest
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badUrl()
  }
}

function badUrl(): HubError {
  return new HubError(
    'cannot-connect',
    'expected a broker address like mqtt://user:password@127.0.0.1:1883, got another text: ' +
      'write it so, with / ? # and % of a password percent-encoded',
  )
}

/** The address as a person may read it: without user and password. */
export function describeBroker({ protocol, host, port }: BrokerAddress): string {
  const printedHost = host.includes(':') ? `[${host}]` : host
  return `${protocol}://${printedHost}${port === undefined ? '' : `:${port}`}`
}

interface Remedy {
  readonly got: string
  readonly fix: string
}

const unknownHost: Remedy = { got: 'an unknown host name', fix: 'correct it' }

/** By the code of a socket error, the code of CONNACK (of MQTT 3.1.1 and 5, 3.2.2) or that of SUBACK. */
const remedies: ReadonlyMap<unknown, Remedy> = new Map<unknown, Remedy>([
  ['ECONNREFUSED', { got: 'nobody listening', fix: 'start the broker or correct the address' }],
  ['ENOTFOUND', unknownHost],
  ['EAI_AGAIN', unknownHost],
  ['EPROTO', { got: 'an answer without TLS', fix: 'write mqtt:// if that port has none' }],
  [4, { got: 'a refusal of the user name or password', fix: 'correct them' }],
  [5, { got: 'a refusal (not authorized)', fix: 'give a user name and password it knows' }],
  [134, { got: 'a refusal of the user name or password', fix: 'correct them' }],
  [135, { got: 'a refusal (not authorized)', fix: 'give a user name and password it knows' }],
  [128, { got: 'a refused subscription', fix: 'let this user subscribe below its base' }],
])

/** The error for `thrown`, met on the way to `broker`: the address, why, and how to fix it. */
export function cannotConnect(broker: BrokerAddress | string, thrown: unknown): HubError {
  const address = typeof broker === 'string' ? broker : describeBroker(broker)
  const code = systemCodeOf(thrown)
  const { got, fix } = remedies.get(code) ?? {
    // Several addresses tried in vain make an AggregateError, which has a code but no message.
    got: reasonOf(thrown) || String(code),
    fix: 'check that an MQTT broker answers there',
  }
  const sentence = `expected an MQTT broker at ${address}, got ${got}: ${fix}`
  return new HubError('cannot-connect', sentence, { cause: thrown })
}
