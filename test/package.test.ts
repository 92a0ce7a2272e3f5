import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const read = (file: string) =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), 'utf8'))

type Dependencies = Record<string, string>

t.test('every version is pinned exactly', async (t) => {
  const { dependencies, devDependencies } = read('package.json')
  for (const [name, version] of Object.entries<string>({ ...dependencies, ...devDependencies })) {
    t.match(version, /^\d+\.\d+\.\d+$/, name)
  }
})

t.test('a hub brings 90 packages at most, without those that it can do without', async (t) => {
  const packages: Record<string, { dev?: true; optional?: true; devOptional?: true }> =
    read('package-lock.json').packages
  const needed = Object.entries(packages).filter(
    ([path, { dev, optional, devOptional }]) => path && !dev && !optional && !devOptional,
  )
  t.ok(needed.length <= 90, `${needed.length} packages`)
})

// npm leaves out the binaries of other platforms when it cannot see them, and then refuses its own
// lock file in `npm ci`.
t.test('the lock file names every optional dependency, for every platform', async (t) => {
  const packages: Record<string, { optionalDependencies?: Dependencies }> =
    read('package-lock.json').packages
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages),
    ),
  )
  t.same(missing, [])
})

t.test('the lock file has the hash of every package, for every platform', async (t) => {
  const packages: Record<string, { integrity?: string }> = read('package-lock.json').packages
  const without = Object.keys(packages).filter((path) => path && !packages[path]?.integrity)
  t.same(without, [])
})

/** The first versions without the defects that docs/faults.md lists. */
const mendedIn: Readonly<Record<string, string>> = { ws: '8.21.0', aedes: '1.2.0' }

t.test('every ws and aedes that is locked or installed has the mends we rely on', async (t) => {
  const packages: Record<string, { version?: string }> = read('package-lock.json').packages
  for (const [name, least] of Object.entries(mendedIn)) {
    const copies = Object.entries(packages).filter(([path]) =>
      path.endsWith(`node_modules/${name}`),
    )
    t.not(copies.length, 0, name)
    for (const [path, { version = '' }] of copies) {
      t.ok(isAtLeast(version, least), `${path} ${version} is locked`)
      const installed: string = read(`${path}/package.json`).version
      t.ok(isAtLeast(installed, least), `${path} ${installed} is installed`)
    }
  }
})

function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0
}
