import { HubError } from '../core/errors.ts'
import { readSecretFile, valueIn } from '../core/text-file.ts'
import type { Terminal } from './command.ts'

/** Where a hub answers HTTP, and who we are to it. */
export interface HubAddress {
  /** Without user, password and a slash at its end; with the prefix that a reverse proxy may want. */
  readonly url: string
  readonly user: string
  readonly password: string
}

/** Options of `parseArgs` that lead to a running hub. */
export const hubOptions = {
  url: { type: 'string' },
  'password-file': { type: 'string' },
} as const

export const hubUsage = '[--url http[s]://USER[:PASSWORD]@HOST:PORT] [--password-file FILE]'

interface HubValues {
  readonly url?: string | undefined
  readonly 'password-file'?: string | undefined
}

/** The base of devices that are named without one: that of the lab's node. */
export const defaultBase = 'nodes/bridge/0'

/** What "clown-hub lab" prints. */
const labUrl = 'http://clown:bigclown@127.0.0.1:8080'

/**
 * The hub that a command line names, or else the variable CLOWN_HUB_URL, or else the one of the lab.
 *
 * @throws HubError `cannot-connect` for what is no address, or has nobody to sign in; the text is not
 * repeated, since it may hold a password. `unreadable-file`, `exposed-secret` for the password's file.
 */
export function hubAddress(values: HubValues, { environment }: Pick<Terminal, 'environment'>) {
  const { url, 'password-file': file } = values
  const [text, source] =
    url === undefined ? [environment['CLOWN_HUB_URL'] ?? labUrl, 'CLOWN_HUB_URL'] : [url, '--url']
  const secret = file && valueIn(readSecretFile('--password-file', file))
  return readHubUrl(text, source, secret)
}

function readHubUrl(text: string, source: string, secret: string | undefined): HubAddress {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (parsed === undefined || !isHubUrl(parsed)) throw badUrl(source)
  const { origin, pathname, username, password } = parsed
  const address = {
    url: origin + pathname.replace(/\/$/, ''),
    user: percentDecoded(username, source),
    password: secret ?? percentDecoded(password, source),
  }
  if (address.user !== '' && address.password !== '') return address
  const expected = `expected a user and a password for the hub at ${address.url}`
  throw new HubError('cannot-connect', `${expected}: write them in ${source}, or ${fileHint}`)
}

const fileHint = 'the user there and the password in a file that --password-file names'

// An @, a query or a fragment past the host is mostly the rest of a password with an unencoded / ? or #
// in it; then the host is wrong too, and must neither be dialled nor shown.
function isHubUrl({ protocol, pathname, search, hash }: URL): boolean {
  const isHttp = protocol === 'http:' || protocol === 'https:'
  return isHttp && !pathname.includes('@') && search === '' && hash === ''
}

function percentDecoded(text: string, source: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badUrl(source)
  }
}

function badUrl(source: string): HubError {
  return new HubError(
    'cannot-connect',
    `expected ${source} to be like http://user:password@127.0.0.1:8080, got another text: ` +
      'write it so, with / ? # and % of a password percent-encoded',
  )
}
