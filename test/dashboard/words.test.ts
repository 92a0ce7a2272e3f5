import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { cs } from '../../dashboard/words/cs.ts'
import { de } from '../../dashboard/words/de.ts'
import { en } from '../../dashboard/words/en.ts'
import { fr } from '../../dashboard/words/fr.ts'

const dashboard = fileURLToPath(new URL('../../dashboard', import.meta.url))

const namesIn = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()

for (const [language, words] of Object.entries({ cs, de, fr })) {
  t.test(`all that the page says in English it says in ${language}, about the same`, async (t) => {
    t.same(Object.keys(words), Object.keys(en), 'the same words in the same order')
    for (const [key, text] of Object.entries<string>(en)) {
      const said = Reflect.get(words, key)
      t.ok(said.trim() !== '', key)
      t.same(namesIn(said), namesIn(text), key)
    }
  })
}

const sources = readdirSync(dashboard, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path) && !path.startsWith('words/'))
  .map((path) => readFileSync(join(dashboard, path), 'utf8'))

t.test('no word is left over', async (t) => {
  // These are put together of a prefix and what a device says.
  const composed = /^(kind|is|says)-/
  const unused = Object.keys(en).filter(
    (word) => !composed.test(word) && !sources.some((source) => source.includes(`'${word}'`)),
  )
  t.same(unused, [])
})

t.test('no text for people stands in the code itself', async (t) => {
  // Between tags, and in what is read aloud or shown on hovering.
  const texts = sources.flatMap((source) => [
    ...[...source.matchAll(/^\s+([A-Z][a-z]+ [a-z]+[^={}()<>]*)$/gm)].map(([, text]) => text),
    ...[...source.matchAll(/(?:aria-label|title|placeholder|alt)="([^"]+)"/g)].map(([, x]) => x),
  ])
  t.same(texts, [])
})
