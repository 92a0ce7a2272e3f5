import { isDeepStrictEqual } from 'node:util'
import { type Document, isMap, isScalar, type Node, visit } from 'yaml'
import { HubError } from '../core/errors.ts'
import { readSecretFile, writeSecret } from '../core/files.ts'
import { schemaSentence } from '../core/schema-error.ts'
import { parseYaml } from '../core/yaml.ts'
import type { UsersFile } from '../generated/users.ts'
import { validateUsersFile } from '../generated/validate-users.js'
import { isSameName, normalForm, type Rule, type User } from './user.ts'
import { namesError, roleError, roleNamesError, userError } from './user-check.ts'

/** What the file says of one user. */
export type UserEntry = UsersFile['users'][string]

/** What becomes of a user's entry, which is undefined for somebody who is not there. */
export type EntryChange = (before: UserEntry | undefined) => UserEntry | undefined

/**
 * The users in a file of YAML or JSON.
 *
 * @throws HubError `unreadable-file`, `exposed-secret`, or `bad-config` naming the file.
 */
export function readUsersFile(path: string): User[] {
  const { users, roles } = parse(textOf(path), path)
  return entriesOf(users).map(([name, entry]) => userOf(name, entry, rulesIn(roles, entry.role)))
}

/**
 * The rules of the roles that the file has besides those of the hub, by name.
 *
 * @throws HubError as `readUsersFile`
 */
export function readRoles(path: string): ReadonlyMap<string, readonly Rule[]> {
  const { roles } = parse(textOf(path), path)
  return new Map(Object.entries(roles).map(([name, { rules }]) => [name, rules]))
}

/**
 * Changes the entry of one user; the rest of the file stays, its comments too. Whenever the machine
 * stops, the file is the old one or the new one, whole.
 *
 * @throws HubError as `readUsersFile`, `bad-config` for what would not be a right file any more,
 * `unwritable-file`, and what `change` throws.
 */
export function changeUser(path: string, name: string, change: EntryChange): void {
  rewrite(path, (text) => {
    const { users, document } = parse(text, path)
    const [key, before] = entriesOf(users).find(([other]) => isSameName(other, name)) ?? []
    const after = change(before)
    if (key === undefined || before === undefined) {
      if (after !== undefined) add(document, normalForm(name), after)
    } else if (after === undefined) document.deleteIn(['users', key])
    else replace(document, key, [before, after])
    const changed = document.toString({ lineWidth: 0 })
    parse(changed, path)
    return changed
  })
}

/** A hash as a value of `password`, with its quotes if it has any: Mosquitto's, or one by argon2id. */
const writtenHash =
  /(?<=\bpassword["']?\s*:\s*)(["']?)(\$(?:[67]|argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+)\$[A-Za-z0-9+/=$]+)\1/g

/**
 * Puts hashes in the places of others, by those, wherever they still are. A hash with its salt stands
 * for one password, so the text is enough: to parse the whole file would keep a running hub from its work.
 *
 * @throws HubError `unreadable-file`, `exposed-secret`, `unwritable-file`
 */
export function replaceHashes(path: string, hashes: ReadonlyMap<string, string>): void {
  rewrite(path, (text) =>
    text.replaceAll(writtenHash, (whole, quote: string, before: string) => {
      const after = hashes.get(before)
      // Quoted, since the commas of an argon2id hash end a value within braces.
      return after === undefined ? whole : `${quote || '"'}${after}${quote || '"'}`
    }),
  )
}

/** What somebody else writes meanwhile, a command or a running hub, is not undone. */
function rewrite(path: string, change: (text: string) => string): void {
  let isDone = false
  while (!isDone) {
    const before = textOf(path)
    const after = change(before)
    isDone = after === before || writeSecret(path, after, () => textOf(path) === before)
  }
}

function textOf(path: string): string {
  return readSecretFile('the path of the users file', path).text
}

type Parsed = Required<UsersFile> & { readonly document: Document }

function parse(text: string, path: string): Parsed {
  const source = JSON.stringify(path)
  const { value, document } = parseYaml(text, source)
  if (!validateUsersFile(value)) {
    const sentence = schemaSentence(validateUsersFile, value, placeName)
    throw new HubError('bad-config', `${source}: ${sentence}`)
  }
  const error = errorIn(value)
  if (error !== undefined) throw new HubError('bad-config', `${source}: ${error}`)
  return { users: value.users, roles: value.roles ?? {}, document }
}

/** What is wrong that the schema cannot say. */
function errorIn({ users, roles = {} }: UsersFile): string | undefined {
  const names = Object.keys(roles)
  for (const [name, entry] of entriesOf(users)) {
    const { role, password, tokens = [] } = entry
    const error =
      userError(name, entry, password !== undefined || tokens.length > 0) ??
      (role === undefined ? undefined : roleError(role, `users.${name}.role`, names))
    if (error !== undefined) return error
  }
  return roleNamesError(names) ?? namesError(Object.keys(users))
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the users file' : levels.join('.')
}

function entriesOf(users: UsersFile['users']): [string, UserEntry][] {
  return Object.entries(users)
}

/** Those of a role in the file, which may be called `constructor`. */
function rulesIn(roles: Parsed['roles'], role = ''): readonly Rule[] | undefined {
  return Object.hasOwn(roles, role) ? roles[role]?.rules : undefined
}

function userOf(name: string, entry: UserEntry, roleRules: readonly Rule[] | undefined): User {
  const { password, digest, rules = [], tokens = [], ...rest } = entry
  return {
    name: normalForm(name),
    ...rest,
    ...(roleRules !== undefined && { roleRules }),
    rules,
    tokens,
    ...(password !== undefined && { passwordHash: password }),
    ...(digest !== undefined && { digestSecret: digest }),
  }
}

function add(document: Document, name: string, entry: UserEntry): void {
  const users = document.get('users')
  // An empty map is written {}, and what is added to it would stay within those braces.
  if (isMap(users) && users.items.length === 0) users.flow = false
  document.setIn(['users', name], nodeOf(document, entry))
}

/** Only the keys that differ, so that comments beside the others stay. */
function replace(document: Document, name: string, [before, after]: [UserEntry, UserEntry]): void {
  for (const key of ['role', 'base', 'password', 'digest', 'totp', 'tokens', 'rules'] as const) {
    const value = after[key]
    if (isDeepStrictEqual(value, before[key])) continue
    if (value === undefined) document.deleteIn(['users', name, key])
    else document.setIn(['users', name, key], nodeOf(document, value))
  }
}

/** Written as people write it: a list of words on one line. */
function nodeOf(document: Document, value: unknown): Node {
  const node = document.createNode(value)
  visit(node, {
    Seq: (_, list) => {
      list.flow = list.items.every((item) => isScalar(item))
    },
  })
  return node
}
