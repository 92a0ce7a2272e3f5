import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { isLoopbackHost } from './access/address.ts'
import { normalForm, type User } from './access/user.ts'
import { namesError } from './access/user-check.ts'
import { checkNobodyTwice, inlineUserError } from './access/user-directory.ts'
import { readUsersFile } from './access/users-file.ts'
import { checkBridges } from './bridges/check-bridges.ts'
import { checkBus } from './bus/foreign/check-bus.ts'
import { type Environment, type Setting, settingsFrom, variableFor } from './core/environment.ts'
import { HubError, quote, reasonOf } from './core/errors.ts'
import { checkPrivate, readSecretFile, readTextFile, valueIn } from './core/files.ts'
import { type DeepReadonly, isRecord } from './core/json.ts'
import { withinBudget } from './core/memory-budget.ts'
import { schemaSentence } from './core/schema-error.ts'
import { checkTimeZone } from './core/time-zone.ts'
import { isAtOrBelow } from './core/topic.ts'
import { parseYaml } from './core/yaml.ts'
import type * as generated from './generated/config.ts'
import { validateCheckedConfig } from './generated/validate-config.js'
import { checkClownBases } from './nodes/clown-bases.ts'
import { checkHistoryFilters } from './nodes/history/recorder.ts'
import { upstreamsPrefix } from './nodes/profiles/open-profile.ts'
import { checkDeviceRules } from './nodes/relay-guard/device-rules.ts'

/** What an operator writes. */
export type ConfigInput = DeepReadonly<generated.ConfigInput>

/** The complete configuration: defaults filled in, passwords read from their files. */
export type Config = DeepReadonly<generated.Config>

/** A key of the release before: it has another place now, or none, for a reason. */
type OldKey = { readonly old: string } & ({ readonly now: string } | { readonly gone: string })

/** Accepted with a warning, until the next release; a value in the new place goes before. */
const oldKeys: readonly OldKey[] = [
  { old: 'limits.process.memoryShedMiB', now: 'limits.memory.mib' },
  { old: 'limits.process.memoryRefuseMiB', gone: 'it is three quarters of limits.memory.mib' },
  { old: 'limits.mqtt.filtersPerPacket', gone: 'a packet may have as many filters as fit' },
  { old: 'limits.websocket.fragments', gone: 'small fragments count as messages' },
  { old: 'limits.websocket.bufferedChunks', gone: 'pieces of a message are put together at once' },
  { old: 'limits.topic.levelBytes', gone: 'limits.topic.bytes is for the whole topic' },
]

/** Gets a sentence on each old key, which says the new one. */
type Warn = (sentence: string) => void

/** Where a path to another file stands; `*` is any key. */
export const pathsToFiles = [
  ...['backup.folder', 'backup.passphraseFile', 'notify.targets.*.smtp.passwordFile'],
  ...['notify.targets.*.secretUrlFile', 'notify.targets.*.tokenFile'],
  ...['usersFile', 'data.folder', 'users.*.passwordFile', 'log.securityFile'],
  ...['upstreams.*.passwordFile', 'upstreams.*.keyFile', 'upstreams.*.caFile'],
  ...['bus.passwordFile', 'bus.tls.caFile', 'bus.tls.certFile', 'bus.tls.keyFile'],
  ...['passwordFile', 'tls.caFile', 'tls.certFile', 'tls.keyFile'].map((at) => `bridges.*.${at}`),
  ...['tls.certFile', 'tls.keyFile', 'tls.clientCaFile', 'tls.clientCrlFile'],
]

/**
 * Reads the YAML (or JSON) `file`, lets `CLOWN_…` variables override it, and checks the whole. Relative
 * paths in it start at its folder, those of variables at the working directory. `warn` is told of keys and
 * variables that have another name now.
 *
 * @throws HubError `unreadable-file`, `exposed-secret` when others can read the passwords in it, or
 * `bad-config` naming the file and, for a syntax error, the line.
 */
export function readConfig(path: string, environment: Environment, warn: Warn = ignore): Config {
  return readFrom(path, { environment, warn, mayLackUsers: false })
}

/**
 * As `readConfig`, but nobody may be able to sign in yet, and the users file need not be there: for a first start.
 *
 * @throws HubError as `readConfig`
 */
export function readFirstConfig(path: string, environment: Environment): Config {
  return readFrom(path, { environment, warn: ignore, mayLackUsers: true })
}

interface Reading {
  readonly environment: Environment
  readonly warn: Warn
  readonly mayLackUsers: boolean
}

function readFrom(path: string, { environment, warn, mayLackUsers }: Reading): Config {
  const source = JSON.stringify(path)
  const file = readTextFile('the path of the configuration', path)
  const { value: input } = parseYaml(file.text, source)
  const current = withCurrentKeys(withPathsFrom(path, input ?? {}), warn)
  const all = applyEnvironment(current, environment, warn)
  const config = completed(all, { source: `${source}: `, environment, mayLackUsers })
  if (holdsPassword(input)) checkPrivate(file)
  return config
}

function withPathsFrom(file: string, input: unknown): unknown {
  const folder = dirname(file)
  return pathsToFiles.reduce((result, path) => withPathFrom(folder, result, path.split('.')), input)
}

function withPathFrom(folder: string, input: unknown, place: readonly string[]): unknown {
  const [key, ...rest] = place
  if (key === undefined) {
    // An empty folder means none.
    const isRelative = typeof input === 'string' && input !== '' && !isAbsolute(input)
    return isRelative ? join(folder, input) : input
  }
  if (Array.isArray(input)) return input.map((item) => withPathFrom(folder, item, rest))
  if (!isRecord(input)) return input
  const entries = Object.entries(input).map(([name, value]) => {
    const isMeant = key === '*' || key === name
    return [name, isMeant ? withPathFrom(folder, value, rest) : value]
  })
  return Object.fromEntries(entries)
}

/**
 * A frozen copy of `input`, checked, with defaults filled in and passwords read from their files. Variables
 * of the `environment` override it. `warn` is told of keys and variables that have another name now.
 *
 * @throws HubError `bad-config`; `unreadable-file` and `exposed-secret` for the file of a password
 * and for `usersFile`.
 */
export function checkConfig(
  input: unknown,
  environment: Environment = {},
  warn: Warn = ignore,
): Config {
  const all = applyEnvironment(withCurrentKeys(input, warn), environment, warn)
  return completed(all, { source: '', environment, mayLackUsers: false })
}

/**
 * A copy of `input` with the values of `CLOWN_…` variables in their places. Where `input` has
 * something else than an object on the way there, or a value does not fit, `checkConfig` says so.
 *
 * @throws HubError `bad-config`, `unreadable-file`, `exposed-secret`
 */
export function applyEnvironment(
  input: unknown,
  environment: Environment,
  warn: Warn = ignore,
): unknown {
  let result = input
  const current = withCurrentVariables(environment, warn)
  for (const setting of settingsFrom(current, validateCheckedConfig.schema)) {
    result = withSetting(result, setting, setting.path)
  }
  return result
}

function withCurrentKeys(input: unknown, warn: Warn): unknown {
  let result = input
  for (const key of oldKeys) {
    const old = key.old.split('.')
    const value = valueAt(result, old)
    if (value === undefined) continue
    result = withSetting(result, { value: undefined, replaces: undefined }, old)
    warn(sentenceOn(key, (name) => name))
    if (!('now' in key) || valueAt(result, key.now.split('.')) !== undefined) continue
    result = withSetting(result, { value, replaces: undefined }, key.now.split('.'))
  }
  return result
}

function withCurrentVariables(environment: Environment, warn: Warn): Environment {
  const result = new Map(Object.entries(environment))
  for (const key of oldKeys) {
    for (const suffix of ['', '_FILE']) {
      const variable = (path: string) => variableFor(path.split('.'), '') + suffix
      const value = result.get(variable(key.old))
      if (value === undefined) continue
      result.delete(variable(key.old))
      warn(sentenceOn(key, variable))
      if ('now' in key && !result.has(variable(key.now))) result.set(variable(key.now), value)
    }
  }
  return Object.fromEntries(result)
}

function sentenceOn(key: OldKey, nameOf: (path: string) => string): string {
  const name = nameOf(key.old)
  const end = 'and is an error in the next release'
  return 'now' in key
    ? `${name} is called ${nameOf(key.now)} now, ${end}`
    : `${name} has no effect any more, ${end}: ${key.gone}`
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input
  for (const key of path)
    value = isRecord(value) ? new Map(Object.entries(value)).get(key) : undefined
  return value
}

// Entries and not assignments: a key such as __proto__ is data like any other.
function withSetting(
  input: unknown,
  setting: Pick<Setting, 'value' | 'replaces'>,
  path: readonly string[],
): unknown {
  const [key, ...rest] = path
  if (key === undefined) return setting.value
  const before = input ?? {}
  if (!isRecord(before)) return input
  const entries = new Map(Object.entries(before))
  entries.set(key, withSetting(entries.get(key), setting, rest))
  if (rest.length === 0 && setting.replaces !== undefined) entries.delete(setting.replaces)
  return Object.fromEntries(entries)
}

/** Where a configuration comes from: what sentences on it begin with, and the variables that are in it. */
interface Origin {
  readonly source: string
  readonly environment: Environment
  /** Before the first start. */
  readonly mayLackUsers: boolean
}

function completed(input: unknown, origin: Origin): Config {
  const { source } = origin
  const checked = validated(copyOf(input, source), origin)
  const config = {
    ...checked,
    limits: withinBudget(checked.limits),
    users: withPasswords(checked.users, source),
  }
  // Once more, since a password from a file has to keep the same limits.
  validated(config, origin)
  const usersInFile = usersIn(config.usersFile, origin)
  checkUsers(config, usersInFile, origin)
  checkBus(config, input, source)
  checkBridges(config, source)
  checkCredentialBytes(config, usersInFile, source)
  checkDialects(config.dialects, source)
  checkUpstreams(config, source)
  checkDeviceRules(config.commands.rules, source)
  checkTimeZone(config.timeZone, source)
  checkHistoryFilters(config.history, source)
  checkClownBases(config.profiles, source)
  return deepFreeze(config)
}

// By way of JSON, so that a key whose value is undefined is a key that is not there.
function copyOf(input: unknown, source: string): unknown {
  try {
    const [copy]: unknown[] = JSON.parse(JSON.stringify([input]))
    return copy
  } catch (cause) {
    const sentence = `expected what JSON can say: ${reasonOf(cause).replace(/\n.*/s, '')}`
    throw new HubError('bad-config', source + sentence, { cause })
  }
}

function validated(input: unknown, { source, environment }: Origin): generated.CheckedConfig {
  if (validateCheckedConfig(input)) return input
  let variable: string | undefined
  const sentence = schemaSentence(validateCheckedConfig, input, (levels) => {
    variable = variableAt(levels, environment)
    return variable ?? (levels.length === 0 ? 'the configuration' : levels.join('.'))
  })
  // What a variable says is not in the file.
  throw new HubError('bad-config', variable === undefined ? source + sentence : sentence)
}

/** The variable that has set what these levels lead to. */
function variableAt(levels: readonly string[], environment: Environment): string | undefined {
  const current = withCurrentVariables(environment, ignore)
  const settings = settingsFrom(current, validateCheckedConfig.schema)
  const isThere = ({ path }: Setting) => path.every((key, at) => key === levels[at])
  return settings.find(isThere)?.variable
}

function withPasswords(
  users: generated.CheckedConfig['users'],
  source: string,
): generated.Config['users'] {
  // Without a prototype nobody is called `constructor` or `__proto__` but who was written down.
  const complete: generated.Config['users'] = Object.create(null)
  for (const [name, user] of Object.entries(users)) {
    const error = inlineUserError(name, user)
    if (error !== undefined) throw new HubError('bad-config', source + error)
    const { passwordFile, ...rest } = user
    complete[name] =
      passwordFile === undefined ? rest : { ...rest, password: secretIn(name, passwordFile) }
  }
  return complete
}

function secretIn(name: string, passwordFile: string): string {
  return valueIn(readSecretFile(`users.${name}.passwordFile`, passwordFile))
}

function usersIn(file: string | undefined, { mayLackUsers }: Origin): readonly User[] {
  return file === undefined || (mayLackUsers && !existsSync(file)) ? [] : readUsersFile(file)
}

/** Checks what only both places together can break. */
function checkUsers(
  { users, ...config }: generated.Config,
  fromFile: readonly User[],
  { source, mayLackUsers }: Origin,
): void {
  const error = namesError(Object.keys(users))
  if (error !== undefined) throw new HubError('bad-config', source + error)
  const inline = new Set(Object.keys(users).map(normalForm))
  checkNobodyTwice(inline, fromFile)
  if (mayLackUsers || fromFile.length + inline.size > 0) return
  const { http, mqtt, dialects } = config
  const open = [http, mqtt, ...dialects].find(({ host }) => !isLoopbackHost(host))?.host
  if (open === undefined) return
  const sentence = `expected users or usersFile, since ${open} can be reached from other machines`
  throw new HubError(
    'bad-config',
    `${source}${sentence}: "clown-hub run" lets you make a first user`,
  )
}

/** Nobody could sign in with more than the limits let through. */
function checkCredentialBytes(
  { users, limits }: generated.Config,
  fromFile: readonly User[],
  source: string,
): void {
  const { userBytes, passwordBytes } = limits.mqtt
  const check = (what: string, text: string, most: number) => {
    const bytes = Buffer.byteLength(normalForm(text))
    if (bytes <= most) return
    const sentence = `expected ${what} to have at most ${most} bytes in UTF-8, got ${bytes}`
    throw new HubError('bad-config', source + sentence)
  }
  const names = [...Object.keys(users), ...fromFile.map(({ name }) => name)]
  for (const name of names) check(`the name of users.${name}`, name, userBytes)
  for (const [name, { password = '' }] of Object.entries(users)) {
    check(`users.${name}.password`, password, passwordBytes)
  }
}

/** Each is served in one place. */
function checkDialects(dialects: generated.Config['dialects'], source: string): void {
  for (const [at, { port, path }] of dialects.entries()) {
    if ((port === undefined) !== (path === undefined)) continue
    const got = port === undefined ? 'neither' : 'both'
    const sentence = `expected dialects.${at} to have either a port or a path, got ${got}`
    throw new HubError('bad-config', source + sentence)
  }
}

/** How the `url` of a system begins, and whether it lets in who has a key of its own. */
const waysTo: Readonly<
  Record<generated.Config['upstreams'][string]['dialect'], { schemes: string[]; isKeyed?: true }>
> = {
  'clown-talk': { schemes: ['ws', 'wss', 'http', 'https', 'serial'] },
  deconz: { schemes: ['http', 'https'], isKeyed: true },
  netzer: { schemes: ['ws', 'wss', 'tcp'] },
  jeedom: { schemes: ['http', 'https'], isKeyed: true },
  tvheadend: { schemes: ['http', 'https'] },
}

/** What is below `upstreams` came from another system, and goes back to none. */
function checkUpstreams({ upstreams, profiles }: generated.Config, source: string): void {
  if (isAtOrBelow(upstreamsPrefix, profiles.prefix)) {
    const sentence = 'expected profiles.prefix to be no topic of other systems, got'
    throw new HubError('bad-config', `${source}${sentence} ${quote(profiles.prefix)}`)
  }
  for (const [name, settings] of Object.entries(upstreams)) {
    const { dialect, url, passwordFile, keyFile } = settings
    const secrets = { passwordFile, keyFile }
    for (const [key, file] of Object.entries(secrets)) {
      if (file !== undefined) readSecretFile(`upstreams.${name}.${key}`, file)
    }
    const { schemes, isKeyed } = waysTo[dialect]
    const expect = (what: string) => {
      throw new HubError('bad-config', `${source}expected upstreams.${name}.${what}`)
    }
    if (!schemes.includes(url.slice(0, url.indexOf(':')))) {
      expect(`url of a ${dialect} to begin with ${schemes[0]}://, got ${quote(url)}`)
    }
    if (isKeyed && keyFile === undefined) expect(`keyFile with the key of a ${dialect}, got none`)
  }
}

/** Whether the file itself, and not a variable or another file, says a password. */
function holdsPassword(input: unknown): boolean {
  const users = isRecord(input) ? input['users'] : undefined
  return (
    isRecord(users) && Object.values(users).some((user) => isRecord(user) && 'password' in user)
  )
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}

function ignore(): void {}
