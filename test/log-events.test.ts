import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('..', import.meta.url))

/** All of the source, but for what is generated. */
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('generated'))
  .map((path) => ({ path, text: readFileSync(join(root, 'src', path), 'utf8') }))

t.test('every line of the log says by a stable name what has happened', async (t) => {
  const nameless = files.flatMap(({ path, text }) =>
    [...text.matchAll(/\blog\)?\.(?:info|warn|error|fatal|debug)\(\s*([^)]{0,160})/g)]
      .filter(([, said = '']) => !/^\{[^}]*\bevent:/.test(said) && !/^'[a-z-]+',/.test(said))
      .map(([line]) => `${path}: ${line}`),
  )
  t.same(nameless, [])
})

t.test('docs/logs.md lists them', async (t) => {
  const named = files.flatMap(({ text }) => [
    ...text.matchAll(/\.(?:info|warn|error|fatal|debug)\(\s*\{ event: '([a-z-]+)'/g),
    ...text.matchAll(/[lL]og\.warn\(\s*'([a-z-]+)'/g),
  ])
  const docs = readFileSync(join(root, 'docs/logs.md'), 'utf8')
  const listed = [...docs.matchAll(/^\| `([a-z-]+)` +\|/gm)].map(([, name]) => name)
  t.same(listed.toSorted(), [...new Set(named.map(([, name]) => name))].toSorted())
})
