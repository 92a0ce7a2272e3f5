import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { User, UserDirectory } from './user.ts'

const prefix = 'ch_'

/** 160 bits are 32 characters without padding; nobody can guess them, however often. */
const tokenBytes = 20

/** A new token, to be shown once, and the digest to keep of it (hex). */
export function createToken(): { token: string; sha256: string } {
  const token = prefix + base32(randomBytes(tokenBytes))
  return { token, sha256: digestOf(token) }
}

/** A password of 100 random bits, in groups that can be read aloud and typed. */
export function generatePassword(): string {
  const letters = base32(randomBytes(13)).slice(0, 20)
  return letters.replace(/.{5}(?!$)/g, '$&-')
}

/** Whether a password is a token by its looks. Such a one is never compared with a password's hash. */
export function isToken(password: string): boolean {
  return /^ch_[a-z2-7]{32}$/.test(password)
}

/** What is kept of a long random secret: its SHA-256 in hex. A slow hash would protect it no better. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Whether `token` is one of `user`; takes the same time for each that is not. */
export function hasToken(user: User, token: string): boolean {
  const digest = Buffer.from(digestOf(token))
  return user.tokens.filter(({ sha256 }) => isSame(Buffer.from(sha256), digest)).length > 0
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

/** Finds the user of a token that comes without a name. */
export function createTokenOwners(directory: UserDirectory): (token: string) => User | undefined {
  let names = namesByDigest(directory)
  directory.onChange(() => {
    names = namesByDigest(directory)
  })
  // The time of a look-up tells of the digest at most, which nobody can choose.
  return (token) => directory.find(names.get(digestOf(token)) ?? '')
}

function namesByDigest(directory: UserDirectory): Map<string, string> {
  const pairs = directory
    .all()
    .flatMap(({ name, tokens }) => tokens.map(({ sha256 }) => [sha256, name] as const))
  return new Map(pairs)
}

/** RFC 4648, section 6, in lower case. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** `bytes` in base32, lower case and without padding: five bits a letter, none hard to read aloud. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let count = 0
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    for (count += 8; count >= 5; count -= 5) text += alphabet[(bits >> (count - 5)) & 31]
    bits &= (1 << count) - 1
  }
  return count === 0 ? text : text + alphabet[(bits << (5 - count)) & 31]
}

/** What `text` in base32, in lower case or capital letters, stands for; letters that are none of it count for nothing. */
export function bytesOfBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let count = 0
  for (const letter of text.toLowerCase()) {
    const value = alphabet.indexOf(letter)
    if (value < 0) continue
    bits = ((bits << 5) | value) & 0xfff
    count += 5
    if (count < 8) continue
    count -= 8
    bytes.push((bits >> count) & 0xff)
  }
  return Buffer.from(bytes)
}
