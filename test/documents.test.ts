import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { errorCodes } from '../src/core/errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')

t.test('the README lists every error code with its meaning', async (t) => {
  const rows = [...read('README.md').matchAll(/^\| `([a-z-]+)` *\| (.+?) *\|$/gm)]
  const listed = Object.fromEntries(rows.map(([, code = '', meaning]) => [code, meaning]))
  t.same(listed, errorCodes)
})

t.test('the changelog begins with the released version and its date', async (t) => {
  const { version, releaseDate } = JSON.parse(read('package.json'))
  t.match(read('CHANGELOG.md'), `## ${version} (${releaseDate.slice(0, 10)})`)
})

t.test('every relative link in a document leads somewhere', async (t) => {
  const nested = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
    nested.filter((path) => path.endsWith('.md')).map((path) => join('docs', path)),
  )
  for (const document of documents) {
    for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      t.ok(existsSync(join(root, dirname(document), target)), `${document}: ${target}`)
    }
  }
})

t.test('what the Dockerfile copies from the checkout is there', async (t) => {
  const copies = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
  t.not(copies.length, 0)
  for (const path of copies.flatMap(([, paths = '']) => paths.split(' '))) {
    t.ok(existsSync(join(root, path)), path)
  }
})
