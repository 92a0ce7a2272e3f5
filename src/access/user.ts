/** What somebody may do with a message; `command` is publishing to a topic that ends in `/set`. */
export const actions = ['read', 'write', 'command', 'retain'] as const
export type Action = (typeof actions)[number]

/** Rules that many users share; see `rightsOf`. A users file may have others besides. */
export const roles = ['viewer', 'operator', 'admin', 'node'] as const
export type Role = (typeof roles)[number]

export function isRole(name: string | undefined): name is Role {
  return roles.some((role) => role === name)
}

/** What is allowed on some topics, and what is denied there: deny beats allow. */
export interface Rule {
  readonly allow?: readonly Action[] | undefined
  readonly deny?: readonly Action[] | undefined
  /** A filter; `{user}` and `{client}` as whole levels stand for the name and the client id. */
  readonly topic: string
}

/** A long random password for one device or program. */
export interface Token {
  readonly name: string
  /** SHA-256 of the token, 64 hexadecimal digits. */
  readonly sha256: string
  /** When it was made, in UTC, such as `2026-11-21T00:00:00Z`. */
  readonly created: string
}

export interface User {
  readonly name: string
  /** When it was made, of who was made by a command: another time is another user. */
  readonly created?: string
  readonly role?: string
  /** The rules of a role that the users file has; undefined for the four of the hub. */
  readonly roleRules?: readonly Rule[]
  /** The prefix of a node's topics; who has the role node has one. */
  readonly base?: string
  readonly rules: readonly Rule[]
  /** An argon2id hash as a PHC string, or one of Mosquitto's until the user has signed in. */
  readonly passwordHash?: string
  /** For HTTP Digest, of who wants it; see `digestSecretOf`. */
  readonly digestSecret?: string
  /** The secret of an authenticator app, in base32: then the password alone is good for nothing. */
  readonly totp?: string
  readonly tokens: readonly Token[]
}

/** The name of the user who stands for everybody that gives no credentials. */
export const anonymousName = 'anonymous'

/** A hash in the place of another one; where that one is not there any more, nothing is replaced. */
export interface HashReplacement {
  readonly before: string
  readonly after: string
}

/** Who may sign in, as of now. */
export interface UserDirectory {
  /** Another value after users were added, removed or changed. */
  readonly edition: unknown
  find(name: string): User | undefined
  all(): readonly User[]
  /** Calls `listener` after users were added, removed or changed; what it returns ends that. */
  onChange(listener: () => void): () => void
  /**
   * Has the users file say another hash of the same password, soon. Nobody has changed by that: no
   * listener is called, and nobody is signed out.
   */
  replaceHash(replacement: HashReplacement): void
  close(): void
}

/**
 * RFC 8265, 3.3.2 and 4.2.2: user names and passwords are compared in NFC. One keyboard writes é as a single
 * character and another as two, and nobody sees which.
 */
export function normalForm(text: string): string {
  return text.normalize('NFC')
}

export function isSameName(one: string, other: string): boolean {
  return normalForm(one) === normalForm(other)
}

/** Who somebody is that gives no credentials: the user `anonymous`, where one is defined without any. */
export function anonymousIn(directory: Pick<UserDirectory, 'find'>): User | undefined {
  const user = directory.find(anonymousName)
  const hasCredentials = user?.passwordHash !== undefined || user?.tokens.length !== 0
  return hasCredentials ? undefined : user
}
