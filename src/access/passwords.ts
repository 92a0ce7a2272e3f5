import { randomBytes } from 'node:crypto'
import { hash as hashByArgon2, type Options, verify } from '@node-rs/argon2'
import { isMosquittoHash, isMosquittoHashOf } from './mosquitto-hash.ts'
import { normalForm } from './normal-form.ts'
import type { HashReplacement } from './user.ts'

/**
 * The OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 passes and 1 lane, about
 * 15 ms on a small machine. Argon2id is what the package uses when nothing else is said.
 */
const cost: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** The argon2id hash of `password`, with a salt of its own, as a PHC string. */
export function hashPassword(password: string): Promise<string> {
  return hashByArgon2(normalForm(password), cost)
}

/** `busy`: so many checks wait already that this one was not begun. */
export type Verdict = 'right' | 'wrong' | 'busy'

/**
 * Compares `password` with a hash: argon2id, or one of Mosquitto's, which goes with a right password to
 * `replace` as an argon2id hash. Without a hash it takes the same time and is wrong, so that nobody can
 * tell by the clock which users there are.
 */
export type PasswordCheck = (
  passwordHash: string | undefined,
  password: string,
  replace?: (replacement: HashReplacement) => void,
) => Promise<Verdict>

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
  return async (passwordHash, password, replace) => {
    if (running >= checksAtOnce && waiting.length >= checksWaiting) return 'busy'
    await turn()
    const isForeign = passwordHash !== undefined && isMosquittoHash(passwordHash)
    const isSame = isForeign
      ? await isForeignHashOf(passwordHash, password, replace)
      : await isHashOf(passwordHash ?? (await nobody), password)
    done()
    return isSame && passwordHash !== undefined ? 'right' : 'wrong'
  }
}

/** Hashing anew takes as long as the comparison with an argon2id hash, so it is done for a wrong one too. */
async function isForeignHashOf(
  passwordHash: string,
  password: string,
  replace: ((replacement: HashReplacement) => void) | undefined,
): Promise<boolean> {
  const after = await hashPassword(password)
  const isSame = await isMosquittoHashOf(passwordHash, password)
  if (isSame) replace?.({ before: passwordHash, after })
  return isSame
}

/** A text that is no hash is the hash of nothing. */
function isHashOf(passwordHash: string, password: string): Promise<boolean> {
  return verify(passwordHash, normalForm(password)).catch(() => false)
}
