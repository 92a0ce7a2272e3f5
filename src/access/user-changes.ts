/** What an entry of the users file becomes: the same for a command and for an admin in a page. */
import { isoTime } from '../core/clock.ts'
import { createToken } from './tokens.ts'
import { type Action, actions, type Rule } from './user.ts'
import type { UserEntry } from './users-file.ts'

type EntryRules = NonNullable<UserEntry['rules']>

interface NewUser {
  readonly role?: string | undefined
  readonly base?: string | undefined
  readonly rules: EntryRules
  /** The hash of the password; undefined for who signs in without. */
  readonly password?: string | undefined
  readonly digest?: string | undefined
}

/** The entry of somebody who is new from now on. */
export function newEntry({ role, base, rules, password, digest }: NewUser): UserEntry {
  return {
    created: isoTime(Date.now()),
    ...(role && { role }),
    ...(base !== undefined && { base }),
    ...(rules.length > 0 && { rules }),
    ...(password !== undefined && { password }),
    ...(digest !== undefined && { digest }),
  }
}

/** An entry with one more token, and the token itself, to be shown once. */
export function withNewToken(label?: string) {
  const { token, sha256 } = createToken()
  const created = isoTime(Date.now()).replace(/\.\d+/, '')
  const name = label ?? created
  const added = ({ tokens = [], ...entry }: UserEntry): UserEntry => ({
    ...entry,
    tokens: [...tokens, { name, sha256, created }],
  })
  return { token, name, added }
}

/** `before` and what `added` says besides; rules for the same topic become one. */
export function withRules(before: readonly Rule[] | undefined, added: readonly Rule[]): EntryRules {
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
