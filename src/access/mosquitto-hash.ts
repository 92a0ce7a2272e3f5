import { createHash, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

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
