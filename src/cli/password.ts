import { randomBytes } from 'node:crypto'
import { base32 } from '../core/base32.ts'
import { HubError } from '../core/errors.ts'

/** NIST SP 800-63B asks for eight; `limits.mqtt.passwordBytes` is 256 unless configured. */
const leastCharacters = 8
const mostBytes = 256

/** A password of 100 random bits, in groups that can be read aloud and typed. */
export function generatePassword(): string {
  const letters = base32(randomBytes(13)).slice(0, 20)
  return letters.replace(/.{5}(?!$)/g, '$&-')
}

/**
 * The password on standard input, without one line break at its end.
 *
 * @throws HubError `bad-command-line` when it is too short or too long.
 */
export async function readPassword(readInput: () => Promise<string>): Promise<string> {
  const password = (await readInput()).replace(/\r?\n$/, '')
  if (password.length >= leastCharacters && Buffer.byteLength(password) <= mostBytes) {
    return password
  }
  const sentence = `expected a password of ${leastCharacters} characters to ${mostBytes} bytes`
  throw new HubError('bad-command-line', `${sentence} on standard input`)
}
