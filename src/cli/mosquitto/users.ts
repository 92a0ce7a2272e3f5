/** The users of ours for Mosquitto's password and ACL files. */
import { type Action, actions, anonymousName } from '../../access/user.ts'
import type { UserEntry } from '../../access/users-file.ts'
import { covers, overlaps } from '../../core/filter.ts'
import { validateUsersFile } from '../../generated/validate-users.js'
import type { Access, Acl, AclEntry, PasswordLine } from './files.ts'

interface TheirUsers {
  readonly passwords: readonly PasswordLine[]
  readonly acl: Acl | undefined
  readonly allowsAnonymous: boolean
}

export interface ImportedUsers {
  readonly users: ReadonlyMap<string, UserEntry>
  /** What has no counterpart here: a sentence each. */
  readonly notes: readonly string[]
}

/** Finds our users for those of Mosquitto, also for those who have rights and no password. */
export function importUsers({ passwords, acl, allowsAnonymous }: TheirUsers): ImportedUsers {
  const users = new Map<string, UserEntry>()
  const notes = new Set<string>()
  for (const { place, name, hash } of [...passwords, ...onlyInAcl(acl, passwords)]) {
    const error = nameError(name) ?? (users.has(name) ? 'is there twice' : undefined)
    const hasPassword = fits('password', hash)
    if (error !== undefined) notes.add(`${place}: a user is left out, since the name ${error}`)
    else if (!hasPassword) notes.add(`${place}: ${withoutPassword(name)}`)
    if (error !== undefined) continue
    users.set(name, { ...(hasPassword && { password: hash }), ...rightsIn(acl, name, notes) })
  }
  if (allowsAnonymous) users.set(anonymousName, rightsIn(acl, '', notes))
  return { users, notes: [...notes] }
}

function onlyInAcl(acl: Acl | undefined, passwords: readonly PasswordLine[]): PasswordLine[] {
  const known = new Set(['', ...passwords.map(({ name }) => name)])
  const names = [...(acl?.topics.keys() ?? [])].filter((name) => !known.has(name))
  return names.map((name) => ({ place: 'acl_file', name, hash: '' }))
}

/** Without an ACL file, everybody may read and write everything. */
function rightsIn(acl: Acl | undefined, user: string, notes: Set<string>): UserEntry {
  if (acl === undefined) return { role: 'operator' }
  const imported = rulesFor(user, acl)
  for (const note of imported.notes) notes.add(note)
  return { rules: imported.rules }
}

function withoutPassword(name: string): string {
  return `${name} has no password hash and cannot sign in before clown-hub user password ${name}`
}

/** The hub keeps one name for everybody that gives none. */
function nameError(name: string): string | undefined {
  if (name === anonymousName) return `${anonymousName} stands for those who give none here`
  return fits('user-name', name) ? undefined : 'is not one for a user here'
}

type Rule = NonNullable<UserEntry['rules']>[number]

/** What an import came to, and what of it has no counterpart here, a sentence each. */
interface ImportedRules {
  readonly rules: Rule[]
  readonly notes: string[]
}

/** Some actions on one filter of ours. */
interface Clause {
  readonly place: string
  readonly actions: readonly Action[]
  readonly filter: string
}

interface Clauses {
  readonly allowed: Clause[]
  readonly denied: Clause[]
}

/** Writing includes commands and the retain flag there. */
const actionsOf: Readonly<Record<Access, readonly Action[]>> = {
  read: ['read'],
  write: ['write', 'command', 'retain'],
  readwrite: actions,
  deny: actions,
}

/**
 * The rules of `user`, an empty name for clients without one. Mosquitto asks the topics of the user first,
 * among them those that deny, and then the patterns in the same way; here deny beats allow. Where both
 * cannot be the same, less is allowed, and a note says so.
 */
export function rulesFor(user: string, acl: Acl): ImportedRules {
  const notes: string[] = []
  const own = clausesOf(acl.topics.get(user) ?? [], literalLevel, notes)
  const patterns = clausesOf(
    acl.patterns.filter(({ topic }) => isPatternFor(user, topic)),
    patternLevel(user),
    notes,
  )
  const denied = patterns.denied.map((deny) => stillDenied(deny, { own, patterns, notes }))
  const rules = merged([...own.allowed, ...patterns.allowed], [...own.denied, ...denied])
  return { rules, notes }
}

/** Mosquitto heeds no pattern for a name with a wildcard, and none with %u for clients without a name. */
function isPatternFor(user: string, topic: string): boolean {
  return user === '' ? !topic.includes('%u') : !/[+#]/.test(user)
}

/** A level of our filter, or several, for one of theirs; undefined when our rules cannot say it. */
type LevelOf = (level: string) => string | undefined

/** Braces stand for names here. */
const literalLevel: LevelOf = (level) => (/[{}]/.test(level) ? undefined : level)

function patternLevel(user: string): LevelOf {
  return (level) => {
    if (level === '%c') return '{client}'
    // A function, since $ has a meaning in a replacement that is text.
    return level.includes('%c') ? undefined : literalLevel(level.replaceAll('%u', () => user))
  }
}

function clausesOf(entries: readonly AclEntry[], levelOf: LevelOf, notes: string[]): Clauses {
  const clauses: Clauses = { allowed: [], denied: [] }
  for (const entry of entries) {
    const levels = entry.topic.split('/').map(levelOf)
    const { filter, note } = entry.access === 'deny' ? deniedFilter(levels) : allowedFilter(levels)
    if (note !== undefined) notes.push(`${entry.place}: ${note}`)
    if (filter === undefined) continue
    const clause = { place: entry.place, actions: actionsOf[entry.access], filter }
    const { allowed, denied } = clauses
    ;(entry.access === 'deny' ? denied : allowed).push(clause)
  }
  return clauses
}

type Levels = readonly (string | undefined)[]

/** A filter of ours, unless there is none, and what is to be told of it. */
interface OurFilter {
  readonly filter?: string
  readonly note?: string
}

function allowedFilter(levels: Levels): OurFilter {
  const filter = levels.join('/')
  if (filter.startsWith('$'))
    return { note: 'left out: what is told below $ there is not told here' }
  return !levels.includes(undefined) && fits('rule-topic', filter)
    ? { filter }
    : { note: unsayable }
}

/** One that matches at least as much, where the exact one cannot be said. */
function deniedFilter(levels: Levels): OurFilter {
  const exact = levels.join('/')
  if (exact.startsWith('$')) return {}
  const wide = levels.map((level = '+') => (fits('rule-topic', `x/${level}`) ? level : '+'))
  const filter = fits('rule-topic', wide.join('/')) ? wide.join('/') : '#'
  return filter === exact ? { filter } : { filter, note: `denies all of ${filter} here` }
}

const unsayable = 'left out, since a rule here has {client} for whole levels, and no braces besides'

/** What a pattern that denies still has to deny: where topics of the user allow, it is not asked. */
function stillDenied(
  deny: Clause,
  { own, patterns, notes }: { own: Clauses; patterns: Clauses; notes: string[] },
): Clause {
  const stays = (action: Action) => {
    const isOf = (clause: Clause) => clause.actions.includes(action) && isBeside(clause, deny)
    const ownAllowed = own.allowed.filter(isOf)
    if (!patterns.allowed.some(isOf)) return false
    if (ownAllowed.some(({ filter }) => covers(filter, deny.filter))) return false
    for (const { place, filter } of ownAllowed)
      notes.push(`${deny.place}: denies ${action} here also where ${filter} of ${place} allows it`)
    return true
  }
  return { ...deny, actions: deny.actions.filter(stays) }
}

function isBeside(one: Clause, other: Clause): boolean {
  const plain = ({ filter }: Clause) => filter.replaceAll('{client}', '+')
  return overlaps(plain(one), plain(other))
}

/** One rule for each filter, in the order they came. */
function merged(allowed: readonly Clause[], denied: readonly Clause[]): Rule[] {
  const used = [...allowed, ...denied].filter(({ actions: some }) => some.length > 0)
  return [...new Set(used.map(({ filter }) => filter))].map((topic) => {
    const of = (clauses: readonly Clause[]) => {
      const here = clauses.filter(({ filter }) => filter === topic)
      return actions.filter((action) => here.some((clause) => clause.actions.includes(action)))
    }
    const [allow, deny] = [of(allowed), of(denied)]
    return { ...(allow.length > 0 && { allow }), ...(deny.length > 0 && { deny }), topic }
  })
}

type Part = 'user-name' | 'password' | 'rule-topic'

/** The users of a file with `value` in one place, and nothing else that could be wrong. */
const usersWith: Readonly<Record<Part, (value: string) => object>> = {
  'user-name': (value) => Object.fromEntries([[value, {}]]),
  password: (value) => ({ somebody: { password: value } }),
  'rule-topic': (value) => ({ somebody: { rules: [{ topic: value, allow: [] }] } }),
}

/** Whether `value` may stand in a users file, as what `part` says. */
function fits(part: Part, value: string): boolean {
  return validateUsersFile({ users: usersWith[part](value) })
}
