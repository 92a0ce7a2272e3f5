import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import { HubError, reasonOf } from './core/errors.ts'
import { openAjv, schemaSentence } from './core/schema-error.ts'
import {
  type Environment,
  readText,
  readValue,
  type Setting,
  type SettingsSchema,
  settingsFrom,
} from './environment.ts'
import type * as generated from './generated/config.ts'

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** What an operator writes. */
export type ConfigInput = DeepReadonly<generated.ConfigInput>

/** The complete configuration: defaults filled in, each user with a password. */
export type Config = DeepReadonly<generated.Config>

/** Defaults are filled in, and some passwords are still in files. */
type CheckedConfig = Omit<generated.Config, 'users'> & Pick<generated.ConfigInput, 'users'>

/**
 * Reads the YAML (or JSON) `file`, lets `CLOWN_…` variables override it, and checks the whole.
 *
 * @throws HubError `unreadable-file`, or `bad-config` naming the file and, for a syntax error, the
 * line.
 */
export function readConfig(file: string, environment: Environment): Config {
  const source = JSON.stringify(file)
  const input = parseYaml(readText('the path of the configuration', file), source)
  return completed(applyEnvironment(input ?? {}, environment), `${source}: `)
}

/**
 * A frozen copy of `input`, checked, with defaults filled in and passwords read from their files.
 *
 * @throws HubError `bad-config`, or `unreadable-file` for the file of a password.
 */
export function checkConfig(input: unknown): Config {
  return completed(input, '')
}

/**
 * A copy of `input` with the values of `CLOWN_…` variables in their places. Where `input` has
 * something else than an object on the way there, it is left for `checkConfig` to name.
 *
 * @throws HubError `bad-config`, `unreadable-file`
 */
export function applyEnvironment(input: unknown, environment: Environment): unknown {
  let result = input
  for (const setting of settingsFrom(environment, readSchema())) {
    result = withSetting(result, setting, setting.path)
  }
  return result
}

// Entries and not assignments: a key such as __proto__ is data like any other.
function withSetting(input: unknown, setting: Setting, path: readonly string[]): unknown {
  const [key, ...rest] = path
  if (key === undefined) return setting.value
  const before = input ?? {}
  if (!isRecord(before)) return input
  const entries = new Map(Object.entries(before))
  entries.set(key, withSetting(entries.get(key), setting, rest))
  if (rest.length === 0 && setting.replaces !== undefined) entries.delete(setting.replaces)
  return Object.fromEntries(entries)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseYaml(text: string, source: string): unknown {
  const lineCounter = new LineCounter()
  const options = { lineCounter, prettyErrors: false, stringKeys: true, resolveKnownTags: false }
  const document = parseDocument(text, { ...options, logLevel: 'error' })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0])
    const sentence = withoutQuotations(problem.message)
    throw new HubError('bad-config', `${source} line ${line}: ${sentence}`)
  }
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch (cause) {
    const sentence = 'expected no aliases: put a text that starts with * in quotes'
    throw new HubError('bad-config', `${source}: ${sentence}`, { cause })
  }
}

// The parser quotes what it stumbled over, and an unquoted password is a likely stumbling block.
function withoutQuotations(message: string): string {
  return message.replace(/(?<! ): .*/s, '').replace(/[!\\]\S+/g, '…')
}

function readSchema(): SettingsSchema {
  return JSON.parse(readFileSync(new URL('../schemas/config.schema.json', import.meta.url), 'utf8'))
}

function completed(input: unknown, source: string): Config {
  const checked = validated(copyOf(input, source), source)
  const config = { ...checked, users: withPasswords(checked.users) }
  // Once more, since a password from a file has to keep the same limits.
  validated(config, source)
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

function validated(input: unknown, source: string): CheckedConfig {
  const validate = openAjv({ useDefaults: true }).compile<CheckedConfig>(readSchema())
  if (validate(input)) return input
  throw new HubError('bad-config', source + schemaSentence(validate.errors, placeName))
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the configuration' : levels.join('.')
}

function withPasswords(users: CheckedConfig['users']): generated.Config['users'] {
  // Without a prototype nobody is called `constructor` or `__proto__` but who was written down.
  const complete: generated.Config['users'] = Object.create(null)
  for (const [name, user] of Object.entries(users)) {
    const place = `users.${name}.passwordFile`
    complete[name] = {
      password: 'password' in user ? user.password : readValue(place, user.passwordFile),
    }
  }
  return complete
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}
