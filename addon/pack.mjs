/**
 * Puts the hub, as `npm pack` makes it, into the folder of the add-on, or into another one that is then the whole add-on:
 * `node addon/pack.mjs [FOLDER]`.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'addon')
const folder = resolve(process.argv[2] ?? source)

mkdirSync(folder, { recursive: true })
if (folder !== source) cpSync(source, folder, { recursive: true })
const packed = mkdtempSync(join(folder, 'packed-'))
execFileSync('npm', ['pack', '--silent', '--pack-destination', packed], { cwd: root })
for (const name of readdirSync(packed))
  renameSync(join(packed, name), join(folder, 'clown-hub.tgz'))
rmSync(packed, { recursive: true })
cpSync(join(root, 'package-lock.json'), join(folder, 'package-lock.json'))
cpSync(join(root, 'CHANGELOG.md'), join(folder, 'CHANGELOG.md'))
cpSync(join(root, 'dashboard/public/icon-192.png'), join(folder, 'icon.png'))
process.stdout.write(`${folder} is an add-on that Home Assistant can build.\n`)
