import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { skipMissing } from '../missing.ts'

const besideTheProject = fileURLToPath(new URL('../../../shared/seeds', import.meta.url))

/**
 * The text of one of the documents the project was founded on. They stand beside the project, or in
 * the folder that FOUNDING_DOCUMENTS names. Without them the test says so and skips, or fails in CI,
 * and the answer is undefined: the caller returns.
 */
export function foundingDocument(t: Test, name: string): string | undefined {
  const folder = process.env['FOUNDING_DOCUMENTS'] ?? besideTheProject
  const path = `${folder}/${name}`
  if (existsSync(path)) return readFileSync(path, 'utf8')
  const hint = `needs ${path}: set FOUNDING_DOCUMENTS to the folder of the founding documents`
  skipMissing(t, hint)
  return undefined
}
