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
