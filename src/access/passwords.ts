import type { Options } from '@node-rs/argon2'
import { isMosquittoHash, isMosquittoHashOf } from './mosquitto-hash.ts'
import { normalForm } from './normal-form.ts'
import type { HashReplacement } from './user.ts'

/**
 * The OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 passes and 1 lane, about
 * 15 ms on a small machine. Argon2id is what the package uses when nothing else is said.
 */
const cost: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Takes as long to compare with as any other hash; that a password fits it is nobody's gain. */
const nobodysHash = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`

/** The argon2id hash of `password`, with a salt of its own, as a PHC string. */
export async function hashPassword(password: string): Promise<string> {
  const { hash } = await argon2()
  return hash(normalForm(password), cost)
}

/** Loaded with the first password: a hub starts without. */
function argon2() {
  return import('@node-rs/argon2')
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
      : await isHashOf(passwordHash ?? nobodysHash, password)
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
async function isHashOf(passwordHash: string, password: string): Promise<boolean> {
  const { verify } = await argon2()
  return verify(passwordHash, normalForm(password)).catch(() => false)
}
