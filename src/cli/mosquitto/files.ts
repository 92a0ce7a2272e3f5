/** The files of a Mosquitto, as Mosquitto reads them: mosquitto.conf, ACL file, password file. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { HubError, quote, reasonOf } from '../../core/errors.ts'
import { readTextFile } from '../../core/files.ts'

/** A setting, and where it stands. */
export interface ConfLine {
  readonly name: string
  readonly value: string
  readonly place: string
}

/** A port that Mosquitto opens, with its settings by name. */
export interface ConfListener {
  readonly place: string
  readonly port: string
  /** Empty for all addresses. */
  readonly address: string
  readonly lines: ReadonlyMap<string, ConfLine>
}

export interface Conf {
  /** The folder of mosquitto.conf. */
  readonly folder: string
  readonly lines: readonly ConfLine[]
  /** What is set for the broker as a whole, by name: of several, the last. */
  readonly general: ReadonlyMap<string, ConfLine>
  readonly listeners: readonly ConfListener[]
  /** Whether it listens on this machine only, since no listener is set. */
  readonly isLocalOnly: boolean
}

/**
 * Reads the `mosquitto.conf` in a folder, or a file of another name, and what it includes.
 *
 * @throws HubError `unreadable-file`, `bad-config`
 */
export function readConf(path: string): Conf {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  const file = isFolder ? join(path, 'mosquitto.conf') : path
  const folder = dirname(file)
  const lines = linesOf(file).flatMap((line) =>
    line.name === 'include_dir' ? [line, ...includedBy(line, folder)] : line,
  )
  const { general, listeners } = sectionsOf(lines)
  const isLocalOnly = listeners.length === 0
  return {
    folder,
    lines,
    general,
    listeners: isLocalOnly ? [localListener] : listeners,
    isLocalOnly,
  }
}

const localListener: ConfListener = {
  place: 'mosquitto.conf',
  port: '1883',
  address: '127.0.0.1',
  lines: new Map(),
}

function linesOf(file: string): ConfLine[] {
  const { text } = readTextFile('mosquitto.conf', file)
  return text.split('\n').flatMap((line, at) => {
    const [, name, value = ''] = /^\s*([^\s#]\S*)(?:\s+(.*))?$/.exec(line.trimEnd()) ?? []
    return name === undefined ? [] : { name, value, place: `${basename(file)}:${at + 1}` }
  })
}

/** The files in their order there: capitals before small letters, letter by letter. */
function includedBy({ value, place }: ConfLine, folder: string): ConfLine[] {
  const path = locate(value, folder)
  try {
    const names = readdirSync(path).filter((name) => name.endsWith('.conf'))
    return names.sort(inTheirOrder).flatMap((name) => linesOf(join(path, name)))
  } catch (cause) {
    if (cause instanceof HubError) throw cause
    const sentence = `${place}: expected include_dir to name a folder, got ${quote(value)}`
    throw new HubError('unreadable-file', `${sentence}: ${reasonOf(cause)}`, { cause })
  }
}

function inTheirOrder(one: string, other: string): number {
  const [a, b] = [orderOf(one), orderOf(other)]
  return Number(a > b) - Number(a < b)
}

function orderOf(name: string): string {
  const [capital, small] = ['0', '1']
  return name.replace(/./gs, (character) => {
    const letter = character.toLowerCase()
    return letter + (letter === character ? small : capital)
  })
}

/**
 * Where a file of Mosquitto's is for us: there, or, when its folder was copied or is another one in its
 * container, at the end of its path below `folder`. The path itself when it is nowhere.
 */
export function locate(path: string, folder: string): string {
  const levels = path.split('/').filter((level) => level !== '')
  const below = levels.map((_, at) => join(folder, ...levels.slice(at)))
  const places = path.startsWith('/') ? [path, ...below] : below
  return places.find((place) => existsSync(place)) ?? path
}

/** Settings of one listener, in every configuration. */
const listenerSettings = new Set([
  'bind_address',
  'bind_interface',
  'cafile',
  'capath',
  'certfile',
  'ciphers',
  'ciphers_tls1.3',
  'crlfile',
  'dhparamfile',
  'http_dir',
  'keyfile',
  'max_connections',
  'max_qos',
  'max_topic_alias',
  'mount_point',
  'port',
  'protocol',
  'psk_hint',
  'require_certificate',
  'socket_domain',
  'tls_engine',
  'tls_engine_kpass_sha1',
  'tls_keyform',
  'tls_version',
  'use_identity_as_username',
  'use_subject_as_username',
  'use_username_as_clientid',
])

/** Those that are of one listener as well, with per_listener_settings. */
const securitySettings = new Set([
  'acl_file',
  'allow_anonymous',
  'allow_zero_length_clientid',
  'auto_id_prefix',
  'password_file',
  'psk_file',
])

function sectionsOf(lines: readonly ConfLine[]): Pick<Conf, 'general' | 'listeners'> {
  const general = new Map<string, ConfLine>()
  const first = { lines: new Map<string, ConfLine>() }
  const listeners: ConfListener[] = []
  const isPerListener = lines.some(
    ({ name, value }) => name === 'per_listener_settings' && value === 'true',
  )
  let current = first
  for (const line of lines) {
    const { name } = line
    const isOfListener = listenerSettings.has(name) || (isPerListener && securitySettings.has(name))
    if (name === 'listener') {
      const [port = '', ...address] = line.value.split(/\s+/)
      const opened = { lines: new Map([[name, line]]) }
      listeners.push({ place: line.place, port, address: address.join(' '), ...opened })
      current = opened
    } else if (isOfListener) current.lines.set(name, line)
    else general.set(name, line)
  }
  return { general, listeners: [...firstListener(first.lines), ...listeners] }
}

/** What is set before any `listener` makes one of its own, unless it is about users. */
function firstListener(lines: ReadonlyMap<string, ConfLine>): ConfListener[] {
  const [line] = [...lines.values()].filter(({ name }) => listenerSettings.has(name))
  if (line === undefined) return []
  const of = (name: string) => lines.get(name)?.value
  const port = of('port') ?? '1883'
  return [{ place: line.place, port, address: of('bind_address') ?? '', lines }]
}

const accesses = ['read', 'write', 'readwrite', 'deny'] as const
export type Access = (typeof accesses)[number]

/** A line `topic` or `pattern`, and where it stands. */
export interface AclEntry {
  readonly place: string
  readonly access: Access
  readonly topic: string
}

export interface Acl {
  /** By user; those for clients without a name are under an empty one. */
  readonly topics: ReadonlyMap<string, readonly AclEntry[]>
  readonly patterns: readonly AclEntry[]
}

/**
 * Reads an ACL file as Mosquitto does.
 *
 * @throws HubError `bad-config` for a line with which Mosquitto would not start.
 */
export function readAcl(text: string, file: string): Acl {
  const topics = new Map<string, AclEntry[]>()
  const patterns: AclEntry[] = []
  const topicsOf = (name: string) => {
    const entries = topics.get(name) ?? []
    topics.set(name, entries)
    return entries
  }
  let user = ''
  for (const [at, line] of text.split('\n').entries()) {
    const place = `${file}:${at + 1}`
    const { keyword, rest } = wordsIn(line, place)
    if (keyword === 'user') {
      user = rest
      topicsOf(user)
    }
    if (keyword === 'topic') topicsOf(user).push(entryIn(rest, place))
    if (keyword === 'pattern') patterns.push(entryIn(rest, place))
  }
  return { topics, patterns }
}

/** No keyword for a line that says nothing. */
function wordsIn(line: string, place: string): { keyword: string; rest: string } {
  const text = line.trim()
  const keyword = text.replace(/ .*/, '')
  const rest = text.slice(keyword.length).trim()
  if (keyword === '' || line.startsWith('#')) return { keyword: '', rest }
  if (!['user', 'topic', 'pattern'].includes(keyword) || rest === '') {
    throw unreadable(place, 'user, topic or pattern, and what it is about')
  }
  return { keyword, rest }
}

function entryIn(text: string, place: string): AclEntry {
  const word = text.replace(/ .*/, '')
  const rest = text.slice(word.length).trim()
  const access = accesses.find((known) => known === word)
  if (rest !== '' && access === undefined) throw unreadable(place, `one of ${accesses.join(', ')}`)
  const [topic, given] = rest === '' ? [word, undefined] : [rest, access]
  if (/[^/][+#]|[+#][^/]|#\//.test(topic)) throw unreadable(place, 'wildcards as whole levels')
  return { place, topic, access: given ?? 'readwrite' }
}

function unreadable(place: string, expected: string): HubError {
  return new HubError('bad-config', `${place}: expected ${expected}, as Mosquitto does`)
}

/** A line of a password file. */
export interface PasswordLine {
  readonly place: string
  readonly name: string
  /** Empty where there is none. */
  readonly hash: string
}

/** Reads a password file. */
export function readPasswords(text: string, file: string): PasswordLine[] {
  return text.split('\n').flatMap((line, at) => {
    const [, name, hash = ''] = /^([^:#][^:]*)(?::(.*))?$/.exec(line.trimEnd()) ?? []
    return name === undefined ? [] : { place: `${file}:${at + 1}`, name, hash }
  })
}
