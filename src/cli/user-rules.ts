/** The rules of a user, as a command line says and shows them. */
import { type Action, actions, type Rule } from '../access/user.ts'
import type { UserEntry } from '../access/users-file.ts'
import { HubError, quote } from '../core/errors.ts'
import { checkFilter } from '../core/topic.ts'

export type RulePart = 'allow' | 'deny'

/**
 * The rule that `text` says, such as `read:home/#` or `read,command:home/#`; `where` is what an error calls it.
 *
 * @throws HubError `bad-command-line`
 */
export function readRule(part: RulePart, text: string, where: string): Rule {
  const [words = '', ...rest] = text.split(':')
  const topic = rest.join(':')
  const asked = words.split(',')
  const known = actions.filter((action) => asked.includes(action))
  if (known.length === asked.length && isFilter(topic)) return { [part]: known, topic }
  const expected = `expected ${where} to be like read:home/#, with ${listed} before the colon`
  throw new HubError('bad-command-line', `${expected} and a filter behind it, got ${quote(text)}`)
}

const listed = actions.join(', ').replace(/, (\w+)$/, ' or $1')

function isFilter(text: string): boolean {
  try {
    checkFilter(text)
    return true
  } catch {
    return false
  }
}

type EntryRules = NonNullable<UserEntry['rules']>

/** `before` and what `added` says besides; rules for the same topic become one. */
export function withRules(before: EntryRules | undefined, added: readonly Rule[]): EntryRules {
  const byTopic = new Map<string, EntryRules[number]>()
  for (const { allow, deny, topic } of [...(before ?? []), ...added]) {
    const known = byTopic.get(topic)
    const allowed = union(known?.allow, allow)
    const denied = union(known?.deny, deny)
    byTopic.set(topic, {
      ...(allowed.length > 0 && { allow: allowed }),
      ...(denied.length > 0 && { deny: denied }),
      topic,
    })
  }
  return [...byTopic.values()].filter(
    ({ allow, deny }) => allow !== undefined || deny !== undefined,
  )
}

function union(one: readonly Action[] = [], other: readonly Action[] = []): Action[] {
  return actions.filter((action) => one.includes(action) || other.includes(action))
}

/** What `rules` say, in one phrase for each part of each. */
export function describeRules(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ allow = [], deny = [], topic }) => [
    ...(allow.length === 0 ? [] : [`${allow.join('+')} on ${topic}`]),
    ...(deny.length === 0 ? [] : [`no ${deny.join('+')} on ${topic}`]),
  ])
}
