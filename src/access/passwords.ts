import { createHash, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Options } from '@node-rs/argon2'
import { HubError } from '../core/errors.ts'
import { isToken } from './tokens.ts'
import { type HashReplacement, normalForm } from './user.ts'

/**
 * The OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 passes and 1 lane, about
 * 15 ms on a small machine. Argon2id is what the package uses when nothing else is said.
 */
const cost: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Takes as long to compare with as any other hash; that a password fits it is nobody's gain. */
const nobodysHash = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`

/** NIST SP 800-63B, 5.1.1.2. */
const leastCharacters = 8

/** What is wrong with a new password, which comes from `where`; undefined when nothing is. */
export function newPasswordError(
  password: string,
  mostBytes: number,
  where = '',
): string | undefined {
  const bytes = Buffer.byteLength(normalForm(password))
  // What has the form of a token is never compared with a hash.
  if (password.length >= leastCharacters && bytes <= mostBytes && !isToken(password)) {
    return undefined
  }
  const got = isToken(password) ? 'a token' : `${password.length} characters and ${bytes} bytes`
  const expected = `expected a password of ${leastCharacters} characters to ${mostBytes} bytes`
  return `${expected}${where}, got ${got}`
}

/**
 * The argon2id hash of `password`, with a salt of its own, as a PHC string.
 *
 * @throws HubError `missing-package` when npm has left out the package's native part.
 */
export async function hashPassword(password: string, load = loadArgon2): Promise<string> {
  const { hash } = await argon2(load)
  return hash(normalForm(password), cost)
}

/** The hash of `password` that was made of it before, when it is one; else a new one. */
export async function hashAsBefore(password: string, before: string | undefined): Promise<string> {
  const isSame = before !== undefined && (await isHashOf(before, normalForm(password)))
  return isSame ? before : hashPassword(password)
}

/** Loaded with the first password: a hub starts without. */
const loadArgon2 = () => import('@node-rs/argon2')

async function argon2(load = loadArgon2) {
  return load().catch((cause: unknown) => {
    const expected = 'expected the part of @node-rs/argon2 for this machine, got none'
    const fix = 'npm install without --omit=optional, or @node-rs/argon2 alone'
    throw new HubError('missing-package', `${expected}: ${fix}`, { cause })
  })
}

/** `busy`: so many checks wait already that this one was not begun. */
export type PasswordResult = 'right' | 'wrong' | 'busy'

/**
 * Compares `password` with a hash: argon2id, or one of Mosquitto's. It is compared in NFC, and as it came
 * where that differs: other programs, and earlier releases, made hashes of what was typed. With a right
 * password a hash that this release would not make goes to `replace`, with the one it would. Without a
 * hash it takes the same time and is wrong, so that nobody can tell by the clock which users there are.
 */
export type PasswordCheck = (
  passwordHash: string | undefined,
  password: string,
  options?: PasswordCheckOptions,
) => Promise<PasswordResult>

export interface PasswordCheckOptions {
  readonly replace?: (replacement: HashReplacement) => void
  /** Whether somebody has signed in from where it comes: those go first, and have places of their own. */
  readonly isAcquainted?: boolean
}

export interface PasswordCheckLimits {
  /** How many checks run at once. */
  readonly checksAtOnce: number
  /** How many more may wait for their turn. */
  readonly checksWaiting: number
}

/** So many more may wait, of those who come from where somebody has signed in. */
const keptShare = 1 / 4

/** Checks passwords in order of arrival, a few at a time: each takes a core and 19 MiB for a while. */
export function createPasswordCheck(limits: PasswordCheckLimits): PasswordCheck {
  const { checksAtOnce, checksWaiting } = limits
  const acquainted: (() => void)[] = []
  const strangers: (() => void)[] = []
  let running = 0
  const hasPlace = (isAcquainted: boolean) => {
    const most = isAcquainted ? checksWaiting * (1 + keptShare) : checksWaiting
    return running < checksAtOnce || acquainted.length + strangers.length < most
  }
  const turn = (isAcquainted: boolean) => {
    const waiting = isAcquainted ? acquainted : strangers
    if (running >= checksAtOnce) return new Promise<void>((resolve) => waiting.push(resolve))
    running++
    return Promise.resolve()
  }
  const done = () => {
    const next = acquainted.shift() ?? strangers.shift()
    // The next one takes over the place of this one.
    if (next === undefined) running--
    else next()
  }
  return async (passwordHash, password, { replace, isAcquainted = false } = {}) => {
    if (!hasPlace(isAcquainted)) return 'busy'
    await turn(isAcquainted)
    const kept = await hashToKeep(passwordHash ?? nobodysHash, password).finally(done)
    if (kept === undefined || passwordHash === undefined) return 'wrong'
    if (kept !== passwordHash) replace?.({ before: passwordHash, after: kept })
    return 'right'
  }
}

/** The hash itself, or the one that this release would make; undefined for a wrong password. */
async function hashToKeep(passwordHash: string, password: string): Promise<string | undefined> {
  const normal = normalForm(password)
  for (const spelling of new Set([normal, password])) {
    // That takes as long as the comparison with an argon2id hash, so it is done for a wrong one too.
    const anew = isMosquittoHash(passwordHash) ? await hashPassword(normal) : undefined
    if (!(await isHashOf(passwordHash, spelling))) continue
    return anew ?? (spelling === normal ? passwordHash : hashPassword(normal))
  }
  return undefined
}

/** A text that is no hash is the hash of nothing. */
async function isHashOf(passwordHash: string, spelling: string): Promise<boolean> {
  if (isMosquittoHash(passwordHash)) return isMosquittoHashOf(passwordHash, spelling)
  const { verify } = await argon2()
  return verify(passwordHash, spelling).catch(() => false)
}

const derive = promisify(pbkdf2)

/**
 * How mosquitto_passwd writes a password: `$7$iterations$salt$hash` for PBKDF2 with SHA-512, and
 * `$6$salt$hash`, until Mosquitto 1.6, for one SHA-512 of the password and the salt.
 */
const form =
  /^\$(?:6|7\$(?<iterations>[1-9]\d{0,6}))\$(?<salt>[A-Za-z0-9+/]+={0,2})\$(?<hash>[A-Za-z0-9+/]{86}==)$/

/** Whether `text` is a hash of Mosquitto's. */
export function isMosquittoHash(text: string): boolean {
  return form.test(text)
}

/** Whether Mosquitto's `passwordHash` is that of `password`. */
export async function isMosquittoHashOf(passwordHash: string, password: string): Promise<boolean> {
  const { iterations, salt = '', hash = '' } = form.exec(passwordHash)?.groups ?? {}
  const expected = Buffer.from(hash, 'base64')
  const saltBytes = Buffer.from(salt, 'base64')
  const actual =
    iterations === undefined
      ? createHash('sha512').update(password).update(saltBytes).digest()
      : await derive(password, saltBytes, Number(iterations), 64, 'sha512')
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}
