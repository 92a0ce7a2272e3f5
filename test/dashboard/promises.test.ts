import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../..', import.meta.url))
const journeys = ['test/journeys', 'test/journeys/dashboard'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`),
)

/** The files that show each promise, by the numbers at the end of their titles. */
function shownIn(number: string): string[] {
  return journeys.filter((path) => {
    const titles = readFileSync(join(root, path), 'utf8').matchAll(/ \[(\d+(?:, \d+)*)\]',/g)
    return [...titles].some(([, numbers = '']) => numbers.split(', ').includes(number))
  })
}

t.test('what the page promises is shown where the docs say so', async (t) => {
  const docs = readFileSync(join(root, 'docs/dashboard.md'), 'utf8')
  const rows = [...docs.matchAll(/^\| (\d+) +\| .+ \| (.+?) +\|$/gm)]
  t.equal(rows.length, 16)
  for (const [, number = '', places = ''] of rows) {
    const named = [...places.matchAll(/`(journeys\/[^`]+)`/g)]
    t.same(shownIn(number), named.map(([, place]) => `test/${place}.test.ts`).sort(), number)
  }
})
