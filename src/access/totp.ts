/** Codes of an authenticator app (TOTP, RFC 6238), as all of these apps make them: SHA-1, six digits, every 30 seconds. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { SampledLog } from '../core/sampled-log.ts'
import { validateTotpEntry } from '../generated/validate-stored.js'
import type { Store } from '../store/store.ts'
import { openStoredTable } from '../store/stored-table.ts'
import { base32, bytesOfBase32, digestOf } from './tokens.ts'
import type { User } from './user.ts'

/** RFC 6238, 4.1. */
const stepMs = 30_000

/** RFC 4226, 4: R6 asks for 160 bits. */
const secretBytes = 20

/** A new secret, in the base32 of RFC 4648 in capital letters, as apps take it. */
export function createTotpSecret(): string {
  return base32(randomBytes(secretBytes)).toUpperCase()
}

/** What an app reads from a QR code, or by a link (Google's Key URI Format). */
export function totpUri(user: string, secret: string): string {
  return `otpauth://totp/Clown.Hub:${encodeURIComponent(user)}?secret=${secret}&issuer=Clown.Hub`
}

/** The code of one step of 30 seconds, counted since 1970 (RFC 6238, 4.2; RFC 4226, 5.3). */
export function totpCode(secret: string, step: number, digits = 6): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', bytesOfBase32(secret)).update(counter).digest()
  const offset = mac.readUInt8(mac.length - 1) & 0xf
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** digits).padStart(digits, '0')
}

/** Takes each code once. */
export interface TotpCodes {
  /**
   * Whether `code` is one that the user's app shows, or has just shown, or is about to show (RFC 6238, 5.2 and 6), and none
   * that was taken before, nor an older one. From then on it is taken, after a restart too.
   */
  take(user: Pick<User, 'name' | 'totp'>, code: string): boolean
}

export interface TotpOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  /** Milliseconds since 1970. */
  readonly wallMs?: () => number
}

/** So many users who sign in with codes are kept in mind, more than there are. */
const mostUsers = 4096

export async function openTotpCodes(options: TotpOptions): Promise<TotpCodes> {
  const { store, sampledLog, wallMs = Date.now } = options
  const taken = await openStoredTable({
    store,
    sampledLog,
    name: 'totp',
    maxSize: mostUsers,
    validate: validateTotpEntry,
  })
  return {
    take: ({ name, totp }, code) => {
      if (totp === undefined) return false
      const secret = digestOf(totp)
      const before = taken.get(name)
      const last = before?.secret === secret ? before.step : Number.NEGATIVE_INFINITY
      const now = Math.floor(wallMs() / stepMs)
      const step = [now - 1, now, now + 1].find((each) => isSame(totpCode(totp, each), code))
      if (step === undefined || step <= last) return false
      // Whether or not the disk takes it: who can make room there has to get in.
      taken.set(name, { secret, step })
      return true
    },
  }
}

function isSame(one: string, other: string): boolean {
  const [first, second] = [Buffer.from(one), Buffer.from(other)]
  return first.length === second.length && timingSafeEqual(first, second)
}
