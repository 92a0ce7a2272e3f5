import { randomBytes } from 'node:crypto'
import { hash as hashByArgon2, type Options, verify } from '@node-rs/argon2'

/**
 * The OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 passes and 1 lane, about
 * 15 ms on a small machine. Argon2id is what the package uses when nothing else is said.
 */
const cost: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** The argon2id hash of `password`, with a salt of its own, as a PHC string. */
export function hashPassword(password: string): Promise<string> {
  return hashByArgon2(password, cost)
}

/** `busy`: so many checks wait already that this one was not begun. */
export type Verdict = 'right' | 'wrong' | 'busy'

/**
 * Compares `password` with an argon2id hash. Without one it takes the same time and is wrong, so that
 * nobody can tell by the clock which users there are.
 */
export type PasswordCheck = (passwordHash: string | undefined, password: string) => Promise<Verdict>

export interface PasswordCheckLimits {
  /** How many checks run at once. */
  readonly checksAtOnce: number
  /** How many more may wait for their turn. */
  readonly checksWaiting: number
}

/** Checks passwords in order of arrival, a few at a time: each takes a core and 19 MiB for a while. */
export function createPasswordCheck(limits: PasswordCheckLimits): PasswordCheck {
  const { checksAtOnce, checksWaiting } = limits
  const nobody = hashPassword(randomBytes(16).toString('hex'))
  const waiting: (() => void)[] = []
  let running = 0
  const turn = () => {
    if (running >= checksAtOnce) return new Promise<void>((resolve) => waiting.push(resolve))
    running++
    return Promise.resolve()
  }
  const done = () => {
    const next = waiting.shift()
    // The next one takes over the place of this one.
    if (next === undefined) running--
    else next()
  }
  return async (passwordHash, password) => {
    if (running >= checksAtOnce && waiting.length >= checksWaiting) return 'busy'
    await turn()
    const isSame = await isHashOf(passwordHash ?? (await nobody), password)
    done()
    return isSame && passwordHash !== undefined ? 'right' : 'wrong'
  }
}

/** A text that is no hash is the hash of nothing. */
function isHashOf(passwordHash: string, password: string): Promise<boolean> {
  return verify(passwordHash, password).catch(() => false)
}
