import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readRelease } from '../../src/core/release.ts'
import { run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { unrecorded } from './started-lab.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']

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
    ['installed', 'npm', 'install', '-g', '--prefer-offline', ...quiet, file],
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
