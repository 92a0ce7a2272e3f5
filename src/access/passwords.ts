import { hash } from '@node-rs/argon2'

/** What OWASP's Password Storage Cheat Sheet recommends for argon2id: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** The argon2id hash of a password, with a random salt, as a PHC string. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, cost)
}
