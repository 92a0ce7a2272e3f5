import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import t from 'tap'

const built = fileURLToPath(new URL('../../dist/dashboard', import.meta.url))
const files = readdirSync(built, { recursive: true, encoding: 'utf8' })
const read = (name: string) => readFileSync(join(built, name))

/** Of all that somebody loads who opens every view in one language, packed: 70 kB. */
const mostBytes = 70_000
/** Of what has to be there before anything is shown. */
const mostBytesAtFirst = 40_000

const sizeOf = (name: string) => gzipSync(read(name), { level: 9 }).length
const sumOf = (names: readonly string[]) => names.reduce((sum, name) => sum + sizeOf(name), 0)

t.test('the whole page is small, in each language', async (t) => {
  const texts = files.filter((name) => /\.(html|js|css)$/.test(name))
  const spoken = texts.filter((name) => /assets\/(cs|de|en|fr)-/.test(name))
  t.equal(spoken.length, 4)
  const rest = texts.filter((name) => !spoken.includes(name))
  const page = String(read('index.html'))
  const first = rest.filter((name) => page.includes(name) || name === 'index.html')
  t.equal(first.length, 3)
  for (const words of spoken) {
    t.ok(sumOf([words, ...rest]) <= mostBytes, `${sumOf([words, ...rest])} bytes with ${words}`)
    t.ok(sumOf([words, ...first]) <= mostBytesAtFirst, `${sumOf([words, ...first])} at first`)
  }
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

t.test('its links are relative', async (t) => {
  t.notMatch(String(read('index.html')), /(?:src|href)="\//)
  const { icons, start_url: start } = JSON.parse(String(read('manifest.webmanifest')))
  t.equal(start, './')
  for (const { src } of icons) t.ok(files.includes(src), src)
})
