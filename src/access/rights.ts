import { commonPart, covers, matches, overlaps } from '../core/filter.ts'
import { switchesActuator } from '../core/switching.ts'
import { isCommand, isFitName } from '../core/topic.ts'
import { type Action, actions, isRole, type Role, type Rule, type User } from './user.ts'

/** Whether something is allowed, and a clause that names the rule that decided. */
export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

/** Whether a message may go on the bus, and how. */
export interface PublishDecision extends Decision {
  /** It may go there, but not be kept: its retain flag is to be taken off. */
  readonly withoutRetain?: true
}

/** What one user may do. Whatever no rule allows is denied, and so is what any rule denies. */
export interface Rights {
  /** `topic` is complete, as it goes on the bus. */
  may(action: Action, topic: string): Decision
  /**
   * What is for `…/set` needs `command`, anything else `write`; and `retain` for its flag to stay. The flag
   * means nothing on what switches an actuator, which is never kept.
   */
  mayPublish(topic: string, retain: boolean): PublishDecision
  /** As `may('read', topic)`, from a small memory of what was asked before. */
  mayRead(topic: string): boolean
  /** Allowed when a message may come of it: what is not for the user is left out at each delivery. */
  maySubscribe(filter: string): Decision
  /** Whether one rule lets the user read all that `filter` matches: nothing to check on delivery. */
  readsAll(filter: string): boolean
  /** The same for all who have the same rules for reading. */
  readonly key: string
}

/** What a rule in force allows, or what it denies: no placeholders are left. */
interface Clause {
  readonly actions: readonly Action[]
  readonly filter: string
  /** Whose rule it is, for a reason. */
  readonly owner: string
}

/** Past this many, all are forgotten. A session sees few topics, again and again. */
const rememberedTopics = 256

/**
 * The rights of `user`; `clientId` is what `{client}` in a rule stands for. Where there is nothing its
 * placeholder could stand for, or something that is no plain level, a rule allows nothing, and denies
 * what it says whatever that level is.
 */
export function rightsOf(user: User, clientId?: string): Rights {
  const rules = [...rulesOf(user), ...placedRulesOf(user, clientId)]
  const allowed = clausesIn(rules, 'allow')
  const denied = clausesIn(rules, 'deny')
  const allowing = [...allowed, ...allowed.flatMap(allowedOnHub)]
  const denying = [...denied, ...denied.flatMap(deniedOnHub)]
  const readable = allowing.filter(reads)
  const unreadable = denying.filter(reads)
  const may = (action: Action, topic: string) => {
    const isMeant = concerns(action, topic)
    return decide(action, topic, {
      denying: denying.find(isMeant),
      allowing: allowing.find(isMeant),
    })
  }
  const mayRead = remembered(
    (topic) => matchesAny(readable, topic) && !matchesAny(unreadable, topic),
  )
  const readsEverything = unreadable.length === 0 && readable.some(({ filter }) => filter === '#')
  return {
    may,
    mayPublish: (topic, retain) => {
      const decision = may(isCommand(topic) ? 'command' : 'write', topic)
      const isToBeKept = decision.allowed && retain && !switchesActuator(topic)
      if (!isToBeKept || may('retain', topic).allowed) return decision
      return { ...decision, withoutRetain: true }
    },
    mayRead: readsEverything ? (topic) => !topic.startsWith('$') || mayRead(topic) : mayRead,
    maySubscribe: (filter) => decideFilter(filter, { readable, unreadable }),
    readsAll: (filter) =>
      readable.some((clause) => covers(clause.filter, filter)) &&
      !unreadable.some((clause) => overlaps(clause.filter, filter)),
    key: JSON.stringify([allowed, denied].map(filtersOf)),
  }
}

/** The rights of somebody who has none. */
export const noRights: Rights = rightsOf({ name: '', rules: [], tokens: [] })

/** What some rule of `user` allows, wherever that is. */
export function actionsOf({ role, roleRules = [], rules }: User): Action[] {
  const all = [...(isRole(role) ? rulesOfRole[role] : roleRules), ...rules]
  return actions.filter((action) => all.some(({ allow }) => allow?.includes(action)))
}

function reads({ actions }: Clause): boolean {
  return actions.includes('read')
}

function matchesAny(clauses: readonly Clause[], topic: string): boolean {
  return clauses.some(({ filter }) => matches(filter, topic))
}

function concerns(action: Action, topic: string) {
  return ({ actions, filter }: Clause) => actions.includes(action) && matches(filter, topic)
}

/** Deny beats allow, whichever rule comes first. */
function decide(
  action: Action,
  topic: string,
  by: { readonly denying?: Clause | undefined; readonly allowing?: Clause | undefined },
): Decision {
  const { denying, allowing } = by
  if (denying !== undefined) {
    return { allowed: false, reason: `${denying.owner} denies ${action} on ${denying.filter}` }
  }
  if (allowing === undefined) {
    return { allowed: false, reason: `no rule allows ${action} on ${topic}` }
  }
  return { allowed: true, reason: `${allowing.owner} allows ${action} on ${allowing.filter}` }
}

/** Allowed when some clause lets through a part of `filter` that no single one denies as a whole. */
function decideFilter(
  filter: string,
  by: { readonly readable: readonly Clause[]; readonly unreadable: readonly Clause[] },
): Decision {
  let denied: Decision | undefined
  for (const allowing of by.readable) {
    const part = commonPart(allowing.filter, filter)
    if (part === undefined) continue
    const denying = by.unreadable.find((clause) => covers(clause.filter, part))
    const decision = decide('read', filter, { denying, allowing })
    if (decision.allowed) {
      const isAll = covers(allowing.filter, filter)
      const less = by.unreadable.find((clause) => overlaps(clause.filter, filter))
      const all = isAll ? '' : `, which is not all of ${filter}`
      const but = less === undefined ? '' : `, but ${less.owner} denies read on ${less.filter}`
      return { allowed: true, reason: decision.reason + all + but }
    }
    denied ??= decision
  }
  return denied ?? decide('read', filter, {})
}

/** What each role allows, with `{base}` for the base of the user. */
const rulesOfRole: Readonly<Record<Role, readonly Rule[]>> = {
  viewer: [{ allow: ['read'], topic: '#' }],
  operator: [{ allow: ['read', 'write', 'command', 'retain'], topic: '#' }],
  admin: [
    { allow: ['read', 'write', 'command', 'retain'], topic: '#' },
    { allow: ['read'], topic: '$SYS/#' },
  ],
  node: [
    { allow: ['write', 'retain'], topic: '{base}/#' },
    ...['set', 'get', 'config/+'].map(
      (ending): Rule => ({ allow: ['read'], topic: `{base}/+/+/${ending}` }),
    ),
  ],
}

/** A rule whose topic is complete, and whose it is. */
interface RuleInForce extends Rule {
  readonly owner: string
}

/** What a role of the hub allows. */
function rulesOf({ role, base }: User): RuleInForce[] {
  if (!isRole(role)) return []
  return rulesOfRole[role].flatMap((rule) => {
    // A function, since $ has a meaning in a replacement that is text.
    const topic = rule.topic.replace('{base}', () => base ?? '{base}')
    return topic.startsWith('{base}') ? [] : { ...rule, topic, owner: `role ${role}` }
  })
}

/** The rules of the users file, whose placeholders stand for who the user is: those of a role there, and the user's own. */
function placedRulesOf(user: User, clientId: string | undefined): RuleInForce[] {
  const { name, role, roleRules = [], rules } = user
  const values = new Map([
    ['{user}', name],
    ['{client}', clientId],
  ])
  const ofRole = roleRules.map((rule) => ({ rule, owner: `role ${role}` }))
  const own = rules.map((rule) => ({ rule, owner: `the rule for ${rule.topic}` }))
  return [...ofRole, ...own].map(({ rule, owner }) => {
    const levels = rule.topic
      .split('/')
      .map((level) => (values.has(level) ? plain(values.get(level)) : level))
    if (!levels.includes(undefined)) return { ...rule, topic: levels.join('/'), owner }
    // Nobody gets around a denial by an id that can stand for no level.
    const topic = levels.map((level) => level ?? '+').join('/')
    return { deny: rule.deny, topic, owner }
  })
}

function clausesIn(rules: readonly RuleInForce[], part: 'allow' | 'deny'): Clause[] {
  return rules.flatMap(({ [part]: actions = [], topic: filter, owner }) =>
    actions.length === 0 ? [] : { actions, filter, owner },
  )
}

/**
 * What the hub tells of commands to a device is for who may read the device; what it tells of a node,
 * for who may read everything below its base.
 */
function allowedOnHub(clause: Clause): Clause[] {
  const { filter } = clause
  if (!reads(clause) || filter.startsWith('$')) return []
  const isWhole = filter === '#' || filter.endsWith('/#')
  return [commandsOf, ...(isWhole ? [nodesOf] : [])].map((of) => reading(clause, of(filter)))
}

/** A base above what is denied, or below it, is none of which everything may be read. */
function deniedOnHub(clause: Clause): Clause[] {
  const { filter } = clause
  if (!reads(clause) || filter.startsWith('$')) return []
  const levels = filter.split('/')
  const bases = levels.map((_, at) => levels.slice(0, at + 1).join('/'))
  return [commandsOf(filter), ...bases.map(nodesOf)].map((hidden) => reading(clause, hidden))
}

function reading({ owner }: Clause, filter: string): Clause {
  return { actions: ['read'], filter, owner }
}

function commandsOf(filter: string): string {
  return `$SYS/hub/commands/${filter}`
}

function nodesOf(base: string): string {
  return `$SYS/hub/nodes/${base}`
}

function filtersOf(clauses: readonly Clause[]): string[] {
  return [...new Set(clauses.filter(reads).map(({ filter }) => filter))].sort()
}

/**
 * A value that may stand for a level, or undefined. Anything that is more than one level, is a
 * wildcard, or leads to the hub's own topics would give rights that nobody wrote down.
 */
function plain(value: string | undefined): string | undefined {
  const isPlain = value !== undefined && /^[^/+#$][^/+#]*$/.test(value) && isFitName(value)
  return isPlain ? value : undefined
}

function remembered(ask: (topic: string) => boolean): (topic: string) => boolean {
  const results = new Map<string, boolean>()
  return (topic) => {
    const known = results.get(topic)
    if (known !== undefined) return known
    const result = ask(topic)
    if (results.size >= rememberedTopics) results.clear()
    results.set(topic, result)
    return result
  }
}
