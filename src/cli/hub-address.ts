/** Which hub is meant, and who we are to it: of the command line, the environment, a login, or the lab. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HubError, systemCodeOf } from '../core/errors.ts'
import { readSecretFile, writeSecret } from '../core/files.ts'
import { parseJson } from '../core/json.ts'
import { checkTopic, joinTopic, relativeTopic } from '../core/topic.ts'
import { passwordIn } from './arguments.ts'
import type { Terminal } from './terminal.ts'

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

export const hubUsage = '[--url URL] [--password-file FILE]'

/** The base of devices that are named without one: that of the lab's node. */
const defaultBase = 'nodes/bridge/0'

/**
 * The topic of the device that a command line names: below `base`, or whole when there is none and it has more than
 * two levels.
 *
 * @throws HubError `bad-topic`
 */
export function deviceNamed(name: string, base: string | undefined): string {
  const isWhole = base === undefined && name.split('/').length > 2
  const device = isWhole ? name : joinTopic(base ?? defaultBase, name)
  checkTopic(device)
  return device
}

/** How a command line may call the device with this topic, the shortest way. */
export function nameOfDevice(topic: string): string {
  return relativeTopic(defaultBase, topic) ?? topic
}

/** What "clown-hub lab" prints. */
const labUrl = 'http://clown:bigclown@127.0.0.1:8080'

export interface HubValues {
  readonly url?: string | undefined
  readonly 'password-file'?: string | undefined
}

type Environment = Terminal['environment']

/**
 * The hub that a command line names, or else the variable CLOWN_HUB_URL, or else the one of the latest login, or else
 * that of the lab. Who is missing in an address is taken from the login to that hub.
 *
 * @throws HubError `cannot-connect` for what is no address, or has nobody to sign in; the text is not
 * repeated, since it may hold a password. `unreadable-file`, `exposed-secret` for files with passwords.
 */
export function hubAddress(values: HubValues, { environment }: { environment: Environment }) {
  const { url, 'password-file': file } = values
  const source = url === undefined ? 'CLOWN_HUB_URL' : '--url'
  const text = url ?? environment['CLOWN_HUB_URL']
  if (text === undefined) {
    const [latest = readHubUrl(labUrl, source)] = readLogins(environment)
    return { ...latest, password: passwordIn(file) ?? latest.password }
  }
  const given = readHubUrl(text, source)
  const address = { ...given, password: passwordIn(file) ?? given.password }
  const login = readLogins(environment).find((known) => isMeant(known, address)) ?? address
  if (login.user !== '' && login.password !== '') return login
  const expected = `expected a user and a password for the hub at ${address.url}`
  throw new HubError(
    'cannot-connect',
    `${expected}: write them in ${source}, or ${fileHint}, or say "clown-hub login" once`,
  )
}

const fileHint = 'the user there and the password in a file that --password-file names'

/** Whether a login says who is missing in an address. */
function isMeant({ url, user }: HubAddress, given: HubAddress): boolean {
  return given.password === '' && url === given.url && ['', user].includes(given.user)
}

/**
 * What an address says; user and password are empty where it has none.
 *
 * @throws HubError `cannot-connect`
 */
export function readHubUrl(text: string, source: string): HubAddress {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (parsed === undefined || !isHubUrl(parsed)) throw badUrl(source)
  const { origin, pathname, username, password } = parsed
  return {
    url: origin + pathname.replace(/\/$/, ''),
    user: percentDecoded(username, source),
    password: percentDecoded(password, source),
  }
}

/** Where logins are kept, or undefined where a user has no folder for such. */
function loginsFile(environment: Environment): string | undefined {
  const { XDG_CONFIG_HOME, APPDATA, HOME } = environment
  const folder = XDG_CONFIG_HOME || APPDATA || (HOME && join(HOME, '.config'))
  return folder && join(folder, 'clown-hub', 'logins.json')
}

/**
 * Who is logged in where, the latest first.
 *
 * @throws HubError `unreadable-file`, `exposed-secret`
 */
export function readLogins(environment: Environment): readonly HubAddress[] {
  const path = loginsFile(environment)
  if (path === undefined) return []
  try {
    const logins: unknown = parseJson(readSecretFile('the file of logins', path).text)
    if (isLogins(logins)) return logins
  } catch (error) {
    if (error instanceof HubError && systemCodeOf(error.cause) === 'ENOENT') return []
    throw error
  }
  const sentence = `expected a list of logins in ${path}, got something else: remove that file`
  throw new HubError('unreadable-file', sentence)
}

function isLogins(value: unknown): value is HubAddress[] {
  const isText = (text: unknown) => typeof text === 'string'
  const isLogin = (login: unknown) =>
    ['url', 'user', 'password'].every((key) => isText(Object(login)[key]))
  return Array.isArray(value) && value.every(isLogin)
}

/**
 * Keeps logins, in a file that nobody else can read; returns its path.
 *
 * @throws HubError `unwritable-file`
 */
export function writeLogins(environment: Environment, logins: readonly HubAddress[]): string {
  const path = loginsFile(environment)
  if (path === undefined) {
    throw new HubError('unwritable-file', 'expected the variable HOME to name a folder, got none')
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeSecret(path, `${JSON.stringify(logins, null, 2)}\n`)
  return path
}

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
