import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import t from 'tap'

const built = fileURLToPath(new URL('../../dist/dashboard', import.meta.url))
const files = readdirSync(built, { recursive: true, encoding: 'utf8' })
const read = (name: string) => readFileSync(join(built, name))

/** Of all that one person loads: every view, and a language besides English. */
const mostBytes = 96 * 1024
/** Of what has to be there before anything is shown. */
const mostBytesAtFirst = 40 * 1024

const sizeOf = (name: string) => gzipSync(read(name), { level: 9 }).length
const sumOf = (names: readonly string[]) => names.reduce((sum, name) => sum + sizeOf(name), 0)

t.test('the whole page is small', async (t) => {
  const texts = files.filter((name) => /\.(html|js|css)$/.test(name))
  const spoken = texts.filter((name) => /assets\/(cs|de|fr)-/.test(name))
  t.equal(spoken.length, 3)
  const others = spoken.sort((one, other) => sizeOf(one) - sizeOf(other)).slice(0, 2)
  const bytes = sumOf(texts.filter((name) => !others.includes(name)))
  t.ok(bytes <= mostBytes, `${bytes} bytes`)
  const page = String(read('index.html'))
  const first = texts.filter((name) => page.includes(name) || name === 'index.html')
  t.ok(first.length >= 3)
  t.ok(sumOf(first) <= mostBytesAtFirst, `${sumOf(first)} bytes at first`)
})

t.test('it names no address but those of the hub', async (t) => {
  // Names of XML, and what error texts of libraries lead to, are not asked for.
  const known = /^http:\/\/www\.w3\.org\//
  for (const name of files.filter((each) => /\.(html|js|css|svg|webmanifest)$/.test(each))) {
    const addresses = String(read(name)).match(/\b(?:https?|wss?):\/\/[\w.-]+[^\s"'`)]*/g) ?? []
    t.same(
      addresses.filter((address) => !known.test(address)),
      [],
      name,
    )
  }
})

t.test('what it consists of is packed beforehand, and its links are relative', async (t) => {
  for (const name of files.filter((each) => /\.(html|js|css)$/.test(each))) {
    t.ok(files.includes(`${name}.gz`), name)
  }
  t.notMatch(String(read('index.html')), /(?:src|href)="\//)
  const { icons, start_url: start } = JSON.parse(String(read('manifest.webmanifest')))
  t.equal(start, './')
  for (const { src } of icons) t.ok(files.includes(src), src)
})
