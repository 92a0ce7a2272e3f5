import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A right hash of no password. */
export const someHash = `$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$${'A'.repeat(43)}`

/** The path of a users file for its owner only, in a folder of its own that goes at teardown. */
export function usersFile(t: Test, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'clown-hub-users-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'users.yaml')
  writePrivate(path, text)
  return path
}

/** Writes a file as an editor does that does not care how. */
export function writePrivate(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  chmodSync(path, 0o600)
}

/** What mosquitto_passwd 2.0.11 writes, by the password: as it is, with -I 1000, and with -H sha512. */
export const mosquittoHashes = {
  pw1: '$7$101$74SCHG538LVVqtmu$IkYNvo8qlgd0h5hYnvSLzVtqTRk2uj/Wj1IDEiRESzu3amIxkpYzwPyiA4qsW9FwJm9GMZM1DAKA+FcGzOb/ag==',
  pw3: '$7$1000$MYXPOEKFhHO3h8dM$Cp+3hSq7gUwr62bF5CA7WYlhbHGOuotvfy4GNfnPY4kKN3t8BnrZ+hOhaK0AQUqMg6jaKBzFZf+Abkct/FVRvw==',
  pw2: '$6$6P7yo7lGaIFPvWdW$5sYtCYvQvYJyXZFWaWiMTnPOBDYa6HpXVn1qpZeZHng2oqo1BoX4fUWps4IVq0COCYOuCG3tY8z1nmDQa28rng==',
} as const
