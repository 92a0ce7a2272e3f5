/** Mosquitto's ACL file, and the rules that say the same here. */
import { type Action, actions } from '../access/user.ts'
import type { UserEntry } from '../access/users-file.ts'
import { HubError } from '../core/errors.ts'
import { covers, overlaps } from '../core/filter.ts'
import { fits } from './import-schema.ts'

const accesses = ['read', 'write', 'readwrite', 'deny'] as const
type Access = (typeof accesses)[number]

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

type Rule = NonNullable<UserEntry['rules']>[number]

/** What an import came to, and what of it has no counterpart here, a sentence each. */
export interface ImportedRules {
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
