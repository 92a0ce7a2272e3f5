import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type MadeCertificate, makeCertificate } from '../src/cli/init.ts'

export interface TestCertificate extends MadeCertificate {
  readonly folder: string
  /** The certificate in PEM, for clients to trust. */
  readonly ca: string
}

/** A certificate of its own in a folder of its own, removed at teardown. */
export async function testCertificate(t: Test, names: string[] = []): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'certificate-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const made = await makeCertificate(folder, names)
  return { ...made, folder, ca: readFileSync(made.certFile, 'utf8') }
}
