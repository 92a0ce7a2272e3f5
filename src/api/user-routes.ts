import { digestSecretOf } from '../access/digest.ts'
import { hashPassword, newPasswordError } from '../access/passwords.ts'
import { isProgramKind, programKinds, rulesOfKind } from '../access/program-kinds.ts'
import { generatePassword } from '../access/tokens.ts'
import { anonymousName, isSameName, type Rule, type User } from '../access/user.ts'
import { newEntry, withNewToken, withRules } from '../access/user-changes.ts'
import { roleError, userError } from '../access/user-check.ts'
import { notInFile, type OpenedUserDirectory } from '../access/user-directory.ts'
import type { UserEntry } from '../access/users-file.ts'
import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import type { AddUserRequest } from '../generated/add-user.ts'
import type { ChangeUserRequest } from '../generated/change-user.ts'
import {
  validateAddTokenRequest,
  validateAddUserRequest,
  validateChangeUserRequest,
  validateRemoveTokenRequest,
  validateRemoveUserRequest,
} from '../generated/validate-requests.js'
import type { Validator } from '../generated/validator.ts'
import { type AsUser, asAdmin } from './as-user.ts'
import { readJson } from './json-exchange.ts'

export interface UserRoutesOptions {
  readonly asUser: AsUser
  /** The users of the configuration and its users file, without those who look by a link. */
  readonly directory: Pick<OpenedUserDirectory, 'all' | 'find' | 'placeOf' | 'roles' | 'change'>
  /** How many bytes a password may have. */
  readonly passwordBytes: number
  readonly jsonLimits: JsonLimits
}

/** By path: admins list users, and add, change and remove those of the users file, and their tokens. */
export function userRoutes(options: UserRoutesOptions): readonly [path: string, route: Route][] {
  const { asUser, directory, jsonLimits } = options
  const post = <T>(
    path: string,
    validate: Validator<T>,
    act: (asked: T, asking: User) => Promise<unknown> | unknown,
  ): [string, Route] => [
    path,
    {
      post: (exchange, body) =>
        asAdmin(asUser, exchange, (asking) => act(readJson(body, validate, jsonLimits), asking)),
    },
  ]
  const told = (name: string) => shown(directory.find(name), directory)
  return [
    ['/api/users', { get: (exchange) => asAdmin(asUser, exchange, () => listOf(directory)) }],
    post('/api/add-user', validateAddUserRequest, async (asked) => {
      const { password, entry } = await addedUser(asked, options)
      directory.change(asked.user, (before) => {
        checkNew(before ?? directory.find(asked.user), asked.user)
        return entry
      })
      return { ...told(asked.user), ...(asked.password === undefined && { password }) }
    }),
    post('/api/change-user', validateChangeUserRequest, async (asked, asking) => {
      if (asked.role !== undefined) checkOther(asked.user, asking)
      const password = asked.newPassword ? generatePassword() : undefined
      const hash = password && (await hashPassword(password))
      directory.change(asked.user, (before) => {
        const entry = changedEntry(known(before, asked.user, directory), asked)
        checkEntry(asked.user, entry, directory)
        if (password === undefined || hash === undefined) return entry
        const digest = entry.digest && digestSecretOf(asked.user, password)
        return { ...entry, password: hash, ...(digest && { digest }) }
      })
      return { ...told(asked.user), ...(password !== undefined && { password }) }
    }),
    post('/api/remove-user', validateRemoveUserRequest, ({ user }, asking) => {
      checkOther(user, asking)
      const removed = told(user)
      directory.change(user, (before) => {
        known(before, user, directory)
        return undefined
      })
      return removed
    }),
    post('/api/add-token', validateAddTokenRequest, ({ user, name }) => {
      const { token, added } = withNewToken(name)
      directory.change(user, (before) => {
        const entry = added(known(before, user, directory))
        const isTaken = before?.tokens?.some((other) => other.name === name) === true
        if (isTaken) throw badPayload(`a token of another name, ${user} has one`, name)
        checkEntry(user, entry, directory)
        return entry
      })
      return { user, name, token }
    }),
    post('/api/remove-token', validateRemoveTokenRequest, ({ user, name }) => {
      directory.change(user, (before) => {
        const { tokens = [], ...entry } = known(before, user, directory)
        const left = tokens.filter((token) => token.name !== name)
        if (left.length === tokens.length) throw badPayload(`the name of a token of ${user}`, name)
        return { ...entry, ...(left.length > 0 && { tokens: left }) }
      })
      return { user, name }
    }),
  ]
}

type Directory = UserRoutesOptions['directory']

function listOf(directory: Directory) {
  return {
    users: directory.all().map((user) => shown(user, directory)),
    roles: [...directory.roles()].map(([name, rules]) => ({ name, rules })),
    kinds: programKinds,
  }
}

/** A user without secrets; of nobody nothing. */
function shown(user: User | undefined, { placeOf }: Directory) {
  if (user === undefined) return {}
  const { name, created, role, base, rules, passwordHash, digestSecret, totp, tokens } = user
  return {
    ...{ user: name, created, role, base, rules },
    /** Those of the configuration are changed there. */
    isInFile: placeOf(name) === 'file',
    hasPassword: passwordHash !== undefined,
    hasDigest: digestSecret !== undefined,
    hasCode: totp !== undefined,
    tokens: tokens.map((token) => ({ name: token.name, created: token.created })),
  }
}

/** @throws HubError `bad-payload` */
async function addedUser(asked: AddUserRequest, { directory, passwordBytes }: UserRoutesOptions) {
  const { user, role, base, kind, topics = [], password = generatePassword() } = asked
  checkNew(directory.find(user), user)
  const error = newPasswordError(password, passwordBytes)
  if (error !== undefined) throw new HubError('bad-payload', error)
  const rules = withRules(rulesAsked(kind, topics), asked.rules ?? [])
  checkEntry(user, { role, base }, directory)
  if (user === anonymousName) return { password: undefined, entry: newEntry({ role, base, rules }) }
  const hash = await hashPassword(password)
  return { password, entry: newEntry({ role, base, rules, password: hash }) }
}

function rulesAsked(kind: string | undefined, topics: readonly string[]): readonly Rule[] {
  if (kind === undefined) return []
  if (!isProgramKind(kind)) throw badPayload(`kind to be one of ${programKinds.join(', ')}`, kind)
  return rulesOfKind(
    kind,
    topics.map((topic) => topic.replace(/\/$/, '')),
  )
}

/** What is not asked for stays. */
function changedEntry(before: UserEntry, { role, base, rules }: ChangeUserRequest): UserEntry {
  const { role: roleBefore, base: baseBefore, ...entry } = before
  const roleAfter = role === undefined ? roleBefore : role
  const baseAfter = base === undefined ? baseBefore : base
  return {
    ...entry,
    ...(roleAfter && { role: roleAfter }),
    ...(baseAfter && { base: baseAfter }),
    ...(rules && { rules: withRules([], rules) }),
  }
}

/** What the users file would not take. @throws HubError `bad-payload` */
function checkEntry(
  name: string,
  {
    role,
    base,
    password,
    tokens,
  }: { readonly [Key in keyof UserEntry]: UserEntry[Key] | undefined },
  { roles }: Directory,
): void {
  const hasCredentials = password !== undefined || tokens !== undefined
  const entry = { ...(role && { role }), ...(base && { base }) }
  const error =
    userError(name, entry, hasCredentials) ?? (role && roleError(role, 'role', [...roles().keys()]))
  if (error) throw new HubError('bad-payload', error)
}

function checkNew(before: unknown, name: string): void {
  if (before !== undefined) throw badPayload('the name of nobody who is there', name)
}

/** Nobody takes the rights away from under their own feet. */
function checkOther(name: string, asking: User): void {
  if (isSameName(name, asking.name)) throw badPayload('another user than who asks', name)
}

/** @throws HubError `not-in-users-file` for a user of the configuration, `bad-payload` for nobody's name */
function known(before: UserEntry | undefined, name: string, { placeOf }: Directory): UserEntry {
  if (before !== undefined) return before
  throw placeOf(name) === undefined ? badPayload('the name of a user', name) : notInFile(name)
}

function badPayload(expected: string, got: string): HubError {
  return new HubError('bad-payload', `expected ${expected}, got ${quote(got)}`)
}
