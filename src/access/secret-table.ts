import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { digestOf } from './tokens.ts'
import type { User, UserDirectory } from './user.ts'

export interface SecretTableOptions {
  readonly directory: UserDirectory
  /** How long a secret is good for, and how long without being used. */
  readonly lifeMs: number
  readonly idleMs: number
  /** How many a user may have; the oldest makes way for one more. */
  readonly perUser: number
  onExcess(user: string): void
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/**
 * Random secrets that stand for users for a while. Only their digests are kept. All of a user's end when
 * that user changes or is removed.
 */
export interface SecretTable {
  /** A new secret: 256 bits in base64url, 43 characters. */
  add(user: User): string
  /** Whose it is, if it is still good. */
  use(secret: string): User | undefined
  remove(secret: string): void
  removeAllOf(user: string): void
}

interface Held {
  readonly user: User
  readonly addedAtMs: number
  usedAtMs: number
}

export function createSecretTable(options: SecretTableOptions): SecretTable {
  const { directory, lifeMs, idleMs, perUser, onExcess, now } = options
  const held = new Map<string, Held>()
  const isOver = ({ addedAtMs, usedAtMs }: Held) =>
    now() - addedAtMs >= lifeMs || now() - usedAtMs >= idleMs
  const removeIf = (isToGo: (one: Held) => boolean) => {
    for (const [digest, one] of held) if (isToGo(one)) held.delete(digest)
  }
  const makeRoomFor = (name: string) => {
    removeIf(isOver)
    const [oldest, ...others] = [...held].filter(([, { user }]) => user.name === name)
    if (oldest === undefined || others.length + 1 < perUser) return
    held.delete(oldest[0])
    onExcess(name)
  }
  directory.onChange(() =>
    removeIf(({ user }) => !isDeepStrictEqual(directory.find(user.name), user)),
  )
  return {
    add: (user) => {
      makeRoomFor(user.name)
      const secret = randomBytes(32).toString('base64url')
      held.set(digestOf(secret), { user, addedAtMs: now(), usedAtMs: now() })
      return secret
    },
    use: (secret) => {
      const one = held.get(digestOf(secret))
      if (one === undefined || isOver(one)) return undefined
      one.usedAtMs = now()
      return one.user
    },
    remove: (secret) => {
      held.delete(digestOf(secret))
    },
    removeAllOf: (name) => removeIf(({ user }) => user.name === name),
  }
}
