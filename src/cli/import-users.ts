/** The users of ours for Mosquitto's password and ACL files. */
import { anonymousName } from '../access/user.ts'
import type { UserEntry } from '../access/users-file.ts'
import { type Acl, rulesFor } from './import-acl.ts'
import { fits } from './import-schema.ts'

/** A line of a password file. */
export interface PasswordLine {
  readonly place: string
  readonly name: string
  /** Empty where there is none. */
  readonly hash: string
}

/** Reads a password file. */
export function readPasswords(text: string, file: string): PasswordLine[] {
  return text.split('\n').flatMap((line, at) => {
    const [, name, hash = ''] = /^([^:#][^:]*)(?::(.*))?$/.exec(line.trimEnd()) ?? []
    return name === undefined ? [] : { place: `${file}:${at + 1}`, name, hash }
  })
}

export interface TheirUsers {
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
    const fault = nameFault(name) ?? (users.has(name) ? 'is there twice' : undefined)
    const hasPassword = fits('password', hash)
    if (fault !== undefined) notes.add(`${place}: a user is left out, since the name ${fault}`)
    else if (!hasPassword) notes.add(`${place}: ${withoutPassword(name)}`)
    if (fault !== undefined) continue
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
function nameFault(name: string): string | undefined {
  if (name === anonymousName) return `${anonymousName} stands for those who give none here`
  return fits('user-name', name) ? undefined : 'is not one for a user here'
}
