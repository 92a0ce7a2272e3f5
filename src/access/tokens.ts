import { createHash, randomBytes } from 'node:crypto'
import { base32 } from '../core/base32.ts'

/** A new device token of 160 random bits, and the digest that is kept of it. */
export function createToken(): { token: string; sha256: string } {
  const token = `ch_${base32(randomBytes(20))}`
  return { token, sha256: createHash('sha256').update(token).digest('hex') }
}
