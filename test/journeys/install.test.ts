import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readRelease } from '../../src/core/release.ts'
import { atLength } from '../full-length.ts'
import { run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { startCommand, unrecorded } from './started-lab.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The types that programs see are built for a package, which takes its time. */
const isLong = atLength(1, 0) === 1
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']

/**
 * The command line that installs a packed file below `prefix`. In every check that is tar, beside the packages that
 * are here; npm, which asks the registry for them, takes its time.
 */
function installing(file: string, prefix: string): string[] {
  if (isLong) return ['npm', 'install', '-g', '--prefer-offline', ...quiet, file]
  const place = `${prefix}/lib/node_modules/clown-hub`
  for (const path of [`${prefix}/bin`, place]) mkdirSync(path, { recursive: true })
  symlinkSync(`${root}/node_modules`, `${place}/node_modules`)
  symlinkSync(`${place}/dist/cli/bin.js`, `${prefix}/bin/clown-hub`)
  const unpack = 'tar -xzf "$0" --strip-components=1 -C "$1" && chmod +x "$1/dist/cli/bin.js"'
  return ['sh', '-c', unpack, file, place]
}

/** What is of a checkout alone: the source, what is tried on it, decisions about it, and pictures. */
const ofCheckout =
  /^(?:src|test|bench|dashboard|docker|docker-compose\.yml|docs\/(?:decisions|pictures))(?:\/|$)/

/** Links between the documents of a package that lead to nothing that is in it. */
function brokenLinks(folder: string): string[] {
  const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']
  const below = readdirSync(join(folder, 'docs')).map((name) => `docs/${name}`)
  return [...documents, ...below.filter((name) => name.endsWith('.md'))].flatMap((document) => {
    const text = readFileSync(join(folder, document), 'utf8')
    const links = [...text.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link)
    const places = links.map((link) => normalize(join(dirname(document), link)))
    const broken = places.filter(
      (place) => !existsSync(join(folder, place)) && !ofCheckout.test(place),
    )
    return broken.map((place) => `${document}: ${place}`)
  })
}

t.test('npm link and npm install -g of the packed file make the command clown-hub', async (t) => {
  const folder = testFolder(t, { 'of-linked': {}, 'of-installed': {} })
  const [command = '', ...plain] = unrecorded
  /** Runs a program in the folder, where "global" packages of npm go below `prefix`. */
  const runIn = (cwd: string, prefix: string, ...line: string[]) =>
    run(command, [...plain, '-C', cwd, `npm_config_prefix=${folder}/${prefix}`, ...line])
  if (isLong) {
    const typed = await runIn(root, 'none', 'npm', 'run', '--silent', 'build:types')
    t.equal(typed.code, 0, typed.output)
  }
  const packed = await runIn(root, 'none', 'npm', 'pack', '--pack-destination', folder, ...quiet)
  t.equal(packed.code, 0, packed.output)
  const file = `${folder}/clown-hub-${readRelease().version}.tgz`
  const { size } = statSync(file)
  t.ok(size <= 1_048_576, `${size} bytes`)
  if (isLong) {
    const publint = `${root}/node_modules/.bin/publint`
    const linted = await runIn(root, 'none', publint, 'run', file, '--strict')
    t.match(linted, { code: 0, output: /All good/ })
  }
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
  const installed = `${folder}/installed/lib/node_modules/clown-hub`
  t.same(brokenLinks(installed), [])
  const ports = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const line = [...unrecorded, `${folder}/installed/bin/clown-hub`, 'lab', '--dialects', 'none']
  const lab = startCommand(t, [...line, '--json'], ports)
  const { http } = JSON.parse(await lab.output.next())
  t.match(await (await fetch(`${http}/healthz`)).json(), { status: 'ok' })
  t.match(await (await fetch(http)).text(), '<title>Clown.Hub</title>')
  t.equal(await lab.end('SIGINT'), 0)
})
