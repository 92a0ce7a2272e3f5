import { mkdirSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readRelease } from '../../src/core/release.ts'
import { atLength } from '../full-length.ts'
import { run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { unrecorded } from './started-lab.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']

/**
 * The command line that installs a packed file below `prefix`. In every check that is tar, beside the packages that
 * are here; npm, which asks the registry for them, takes its time.
 */
function installing(file: string, prefix: string): string[] {
  if (atLength(1, 0) === 1) return ['npm', 'install', '-g', '--prefer-offline', ...quiet, file]
  const place = `${prefix}/lib/node_modules/clown-hub`
  for (const path of [`${prefix}/bin`, place]) mkdirSync(path, { recursive: true })
  symlinkSync(`${root}/node_modules`, `${place}/node_modules`)
  symlinkSync(`${place}/dist/cli/bin.js`, `${prefix}/bin/clown-hub`)
  const unpack = 'tar -xzf "$0" --strip-components=1 -C "$1" && chmod +x "$1/dist/cli/bin.js"'
  return ['sh', '-c', unpack, file, place]
}

t.test('npm link and npm install -g of the packed file make the command clown-hub', async (t) => {
  const folder = testFolder(t, { 'of-linked': {}, 'of-installed': {} })
  const [command = '', ...plain] = unrecorded
  /** Runs a program in the folder, where "global" packages of npm go below `prefix`. */
  const runIn = (cwd: string, prefix: string, ...line: string[]) =>
    run(command, [...plain, '-C', cwd, `npm_config_prefix=${folder}/${prefix}`, ...line])
  const packed = await runIn(root, 'none', 'npm', 'pack', '--pack-destination', folder, ...quiet)
  t.equal(packed.code, 0, packed.output)
  const file = `${folder}/clown-hub-${readRelease().version}.tgz`
  for (const [prefix, ...line] of [
    ['linked', 'npm', 'link', ...quiet],
    ['installed', ...installing(file, `${folder}/installed`)],
  ]) {
    const made = await runIn(root, String(prefix), ...line)
    t.equal(made.code, 0, made.output)
    const clownHub = `${folder}/${prefix}/bin/clown-hub`
    const version = await runIn(folder, 'none', clownHub, '--version')
    t.same(version, { code: 0, output: `${readRelease().version}\n` })
    const dir = `${folder}/of-${prefix}`
    t.match(await runIn(folder, 'none', clownHub, 'init', '--dir', dir), { code: 0 })
    t.match(await runIn(folder, 'none', clownHub, 'doctor', `${dir}/clown-hub.yaml`), { code: 0 })
  }
})
