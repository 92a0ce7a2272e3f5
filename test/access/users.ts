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
