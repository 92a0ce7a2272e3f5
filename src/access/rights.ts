import { covers, matches, overlaps } from '../core/filter.ts'
import { isCommand, isFitText } from '../core/topic.ts'
import { type Action, actions, type Role, type Rule, type User } from './user.ts'

/** Whether something is allowed, and a clause that names the rule that decided. */
export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

/** What one user may do. Whatever no rule allows is denied; no rule denies. */
export interface Rights {
  /** `topic` is complete, as it goes on the bus. */
  may(action: Action, topic: string): Decision
  /**
   * A command needs `command` and not `write`. Anything else needs `write`, and `retain` when it is
   * to be kept; the flag means nothing on a command, which is never kept.
   */
  mayPublish(topic: string, retain: boolean): Decision
  /** As `may('read', topic)`, from a small memory of what was asked before. */
  mayRead(topic: string): boolean
  /**
   * Allowed when a message may come of it. What asks for everything (a wildcard first, `#` last)
   * needs a rule that covers it.
   */
  maySubscribe(filter: string): Decision
  /** Whether one rule lets the user read all that `filter` matches: nothing to check on delivery. */
  readsAll(filter: string): boolean
  /** The same for all who have the same rules for reading. */
  readonly key: string
}

/** A rule in force: no placeholders are left. */
interface Grant {
  readonly allow: readonly Action[]
  readonly filter: string
  /** Who allows it, for a reason. */
  readonly owner: string
}

/** Past this many, all are forgotten. A session sees few topics, again and again. */
const rememberedTopics = 256

/**
 * The rights of `user`; `clientId` is what `{client}` in a rule stands for. A rule is void when there
 * is nothing its placeholder could stand for, or something that is no plain level.
 */
export function rightsOf(user: User, clientId?: string): Rights {
  const written = [...grantsOfRole(user), ...grantsOfRules(user, clientId)]
  const grants = [...written, ...written.flatMap(grantsOnHub)]
  const readers = grants.filter(reads)
  const may = (action: Action, topic: string) =>
    decide(action, topic, grants.find(allows(action, topic)))
  const mayRead = remembered((topic) => readers.some(({ filter }) => matches(filter, topic)))
  return {
    may,
    mayPublish: (topic, retain) => {
      if (isCommand(topic)) return may('command', topic)
      const decision = may('write', topic)
      return decision.allowed && retain ? may('retain', topic) : decision
    },
    mayRead: readers.some(({ filter }) => filter === '#')
      ? (topic) => !topic.startsWith('$') || mayRead(topic)
      : mayRead,
    maySubscribe: (filter) => {
      const isEnough = asksForEverything(filter) ? covers : overlaps
      return decide(
        'read',
        filter,
        readers.find((grant) => isEnough(grant.filter, filter)),
      )
    },
    readsAll: (filter) => readers.some((grant) => covers(grant.filter, filter)),
    key: JSON.stringify([...new Set(written.filter(reads).map(({ filter }) => filter))].sort()),
  }
}

/** The rights of somebody who has none. */
export const noRights: Rights = rightsOf({ name: '', rules: [], tokens: [] })

/** What some rule of `user` allows, wherever that is. */
export function actionsOf({ role, rules }: User): Action[] {
  const all = [...(role === undefined ? [] : rulesOfRole[role]), ...rules]
  return actions.filter((action) => all.some(({ allow }) => allow.includes(action)))
}

function reads({ allow }: Grant): boolean {
  return allow.includes('read')
}

function allows(action: Action, topic: string) {
  return ({ allow, filter }: Grant) => allow.includes(action) && matches(filter, topic)
}

function decide(action: Action, topic: string, grant: Grant | undefined): Decision {
  if (grant === undefined) {
    return { allowed: false, reason: `no rule allows ${action} on ${topic}` }
  }
  return { allowed: true, reason: `${grant.owner} allows ${action} on ${grant.filter}` }
}

function asksForEverything(filter: string): boolean {
  return /^(#|\+\/(.*\/)?#)$/.test(filter)
}

/** What each role allows, with `{base}` for the base of the user. */
const rulesOfRole: Readonly<Record<Role, readonly Rule[]>> = {
  viewer: [{ allow: ['read'], topic: '#' }],
  operator: [{ allow: ['read', 'write', 'command'], topic: '#' }],
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

function grantsOfRole({ role, base }: User): Grant[] {
  if (role === undefined) return []
  return rulesOfRole[role].flatMap(({ allow, topic }) => {
    // A function, since $ has a meaning in a replacement that is text.
    const filter = topic.replace('{base}', () => base ?? '{base}')
    return filter.startsWith('{base}') ? [] : { allow, filter, owner: `role ${role}` }
  })
}

function grantsOfRules({ name, rules }: User, clientId: string | undefined): Grant[] {
  const values = new Map([
    ['{user}', name],
    ['{client}', clientId],
  ])
  return rules.flatMap(({ allow, topic }) => {
    const levels = topic
      .split('/')
      .map((level) => (values.has(level) ? plain(values.get(level)) : level))
    if (levels.includes(undefined)) return []
    return { allow, filter: levels.join('/'), owner: `the rule for ${topic}` }
  })
}

/**
 * What the hub tells of commands to a device is for who may read the device; what it tells of a node,
 * for who may read everything below its base.
 */
function grantsOnHub(grant: Grant): Grant[] {
  const { filter, owner } = grant
  if (!reads(grant) || filter.startsWith('$')) return []
  const commands: Grant = { allow: ['read'], filter: `$SYS/hub/commands/${filter}`, owner }
  const nodes: Grant = { allow: ['read'], filter: `$SYS/hub/nodes/${filter}`, owner }
  return filter === '#' || filter.endsWith('/#') ? [commands, nodes] : [commands]
}

/**
 * A value that may stand for a level, or undefined. Anything that is more than one level, is a
 * wildcard, or leads to the hub's own topics would give rights that nobody wrote down.
 */
function plain(value: string | undefined): string | undefined {
  const isPlain = value !== undefined && /^[^/+#$][^/+#]*$/.test(value) && isFitText(value)
  return isPlain ? value : undefined
}

function remembered(ask: (topic: string) => boolean): (topic: string) => boolean {
  const answers = new Map<string, boolean>()
  return (topic) => {
    const known = answers.get(topic)
    if (known !== undefined) return known
    const answer = ask(topic)
    if (answers.size >= rememberedTopics) answers.clear()
    answers.set(topic, answer)
    return answer
  }
}
