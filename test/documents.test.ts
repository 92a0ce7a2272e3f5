import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { securityEvents } from '../src/access/security-log.ts'
import { isFileTwin, type SettingsSchema, variableFor } from '../src/core/environment.ts'
import { errorCodes } from '../src/core/errors.ts'
import { closeCodes } from '../src/ws/close-codes.ts'
import { ranLine } from './cli/run-line.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')

t.test('the page of errors lists every code with its meaning, and what to do', async (t) => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([a-z-]+)` *\| (.+?) *\| (.+?) *\|$/gm)]
  const listed = Object.fromEntries(rows.map(([, code = '', meaning]) => [code, meaning]))
  t.same(listed, errorCodes)
  t.equal(rows.length, Object.keys(errorCodes).length, 'each once')
})

t.test('the page of the command line has every command as the program says it', async (t) => {
  const { output } = await ranLine('help')
  const names = output.flatMap((text) => /^ {2}([a-z-]+(?: [a-z-]+)?) {2}/.exec(text)?.[1] ?? [])
  const usages: string[] = []
  for (const name of names) {
    const told = (await ranLine(`help ${name}`)).output
    usages.push(...told.map((text) => /^ {2}(clown-hub .*(?:\n {12}.*)*)/.exec(text)?.[1] ?? ''))
  }
  const sections = read('docs/cli.md')
    .split(/^##+ /m)
    .flatMap((text) => {
      const [, name, usage] = /^`(clown-hub [a-z -]+)`\n\n```\n([^`]+)```\n/.exec(text) ?? []
      return name === undefined || usage === undefined
        ? []
        : { name, usage: inOneLine(usage), text }
    })
  t.same(sections.map(({ usage }) => usage).sort(), usages.map(inOneLine).sort())
  for (const { name, usage, text } of sections) {
    t.ok(`${usage} `.startsWith(`${name} `), name)
    t.ok(/```sh\n(.*)\n```/.exec(text)?.[1]?.includes(`${name}`), `an example of ${name}`)
  }
})

function inOneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ')
}

t.test('the page of the configuration has the variable and default of every setting', async (t) => {
  const rows = [
    ...read('docs/configuration.md').matchAll(/^\| `(.+?)` *\| `(.+?)` *\| (.+?) *\|$/gm),
  ]
  const schema: SettingsSchema = JSON.parse(read('schemas/config.schema.json'))
  t.same(
    rows.map(([, setting, variable, given]) => ({ setting, variable, given })),
    settingsBelow(schema, []).map(({ path, schema }) => ({
      setting: path.join('.').replace('*', '<name>'),
      variable: variableFor(path, '<NAME>'),
      given: schema['default'] === undefined ? '–' : `\`${JSON.stringify(schema['default'])}\``,
    })),
  )
})

interface FoundSetting {
  readonly path: readonly string[]
  readonly schema: SettingsSchema
}

/** All that have a variable, but for limits, which have a page of their own. */
function settingsBelow(schema: SettingsSchema, path: readonly string[]): FoundSetting[] {
  const { properties = {}, additionalProperties, items } = schema
  if (path[0] === 'limits' || items?.['type'] === 'object') return []
  const inner = Object.entries(properties).filter(([key]) => !isFileTwin(key, properties))
  if (typeof additionalProperties === 'object') inner.push(['*', additionalProperties])
  if (inner.length === 0) return [{ path, schema }]
  return inner.flatMap(([key, below]) => settingsBelow(below, [...path, key]))
}

t.test('the README and the page about Clown.Talk show the examples as they are', async (t) => {
  for (const [file, language, page] of [
    ['examples/page.html', 'html', 'README.md'],
    ['examples/own-page.html', 'html', 'docs/client.md'],
    ['examples/script.mjs', 'js', 'docs/clown-talk.md'],
  ] as const) {
    t.ok(read(page).includes(`\`\`\`${language}\n${read(file)}\`\`\`\n`), file)
  }
})

t.test(
  'the page about Clown.Talk lists every close code, and what a client should do',
  async (t) => {
    const rows = [...read('docs/clown-talk.md').matchAll(/^\| (\d{4}) *\| (.+?) *\| (.+?) *\|$/gm)]
    const listed = rows.map(([, code, when, advice]) => ({ code: Number(code), when, advice }))
    t.same(listed, Object.values(closeCodes))
  },
)

t.test('the page about Clown.Talk names no code that is not in the code', async (t) => {
  const page = read('docs/clown-talk.md')
  const errors = /^## Errors$(.*?)^## /ms.exec(page)?.[1] ?? ''
  const named = [...errors.matchAll(/^\| `([a-z-]+)` *\|/gm)].map(([, code = '']) => code)
  t.not(named.length, 0)
  for (const code of named) t.ok(code in errorCodes, code)
  const numbers = new Set(Object.values(closeCodes).map(({ code }) => String(code)))
  // No hub sends 1006: it is what a client makes of an end without a code.
  const closed = [...page.matchAll(/\b(?:10|44)\d{2}\b/g)].map(([code]) => code)
  for (const code of closed) t.ok(code === '1006' || numbers.has(code), code)
})

t.test(
  'the changelog begins with the version of the package, and when it was released',
  async (t) => {
    const { version, releaseDate } = JSON.parse(read('package.json'))
    const [, newest, when] = /^## (\S+) \((.+)\)$/m.exec(read('CHANGELOG.md')) ?? []
    const isInTheMaking = version.endsWith('-dev')
    t.equal(newest, version.replace(/-dev$/, ''))
    t.equal(when, isInTheMaking ? 'unreleased' : releaseDate.slice(0, 10))
    t.equal(JSON.parse(read('package-lock.json')).version, version)
  },
)

/** All pages there are, by their paths. */
const documents = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
  pagesIn('docs'),
  pagesIn('test'),
)

function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path))
}

t.test('every link in a document leads to a file, and to a heading that is there', async (t) => {
  for (const document of documents) {
    for (const [, target = '', anchor] of prose(document).matchAll(
      /\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g,
    )) {
      const file = target === '' ? document : join(dirname(document), target)
      t.ok(existsSync(join(root, file)), `${document}: ${target}`)
      if (anchor !== undefined)
        t.ok(anchorsOf(file).has(anchor), `${document}: ${target}#${anchor}`)
    }
  }
})

/** A page without what stands in blocks of code. */
function prose(document: string): string {
  return read(document).replace(/^```.*?^```$/gms, '')
}

/** What leads to the headings of a page, as GitHub names them. */
function anchorsOf(document: string): Set<string> {
  const headings = [...prose(document).matchAll(/^#+ (.+)$/gm)]
  return new Set(
    headings.map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

t.test('a document names no file of the source or of the tests that is not there', async (t) => {
  const paths = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const names = new Set(paths.map((path) => basename(path)))
  // Decisions and the changelog tell of times that are over.
  for (const document of documents.filter((path) => !/decisions|CHANGELOG/.test(path))) {
    for (const [, path = ''] of prose(document).matchAll(
      /`((?:src|test|schemas|bench|examples)\/[^`*<…]+)`/g,
    )) {
      t.ok(existsSync(join(root, path)), `${document}: ${path}`)
    }
    for (const [, name = ''] of prose(document).matchAll(/`([a-z-]+\.ts)`/g)) {
      t.ok(names.has(name), `${document}: ${name}`)
    }
  }
})

t.test('the list of documents leads to every page', async (t) => {
  const linked = [...read('docs/README.md').matchAll(/\]\(([a-z-]+\.md)/g)].map(([, to]) => to)
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  t.same(
    pages.filter((page) => page !== 'README.md' && !linked.includes(page)),
    [],
  )
})

t.test('who looks in has the README and the tour of the source on one page each', async (t) => {
  for (const page of ['README.md', 'docs/architecture.md']) {
    t.ok(read(page).split('\n').length <= 121, page)
  }
})

/** About two lines of a screen. */
const longestCell = 200

t.test('no cell of a table is longer than two lines', async (t) => {
  const tooLong = documents.flatMap((document) =>
    [...prose(document).matchAll(/^\|(.+)\|$/gm)]
      .flatMap(([, row = '']) => row.split(/(?<!\\)\|/))
      .filter((cell) => cell.trim().length > longestCell)
      .map((cell) => `${document}: ${cell.trim()}`),
  )
  t.same(tooLong, [])
})

t.test('what the Dockerfile copies from the checkout is there', async (t) => {
  const copies = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
  t.not(copies.length, 0)
  for (const path of copies.flatMap(([, paths = '']) => paths.split(' '))) {
    t.ok(existsSync(join(root, path)), path)
  }
})

/** How a fault of docs/faults.md, or an advisory, is called: a test's title begins with such names. */
const faultName = /(?:F\d+|CVE-\d+-\d+|GHSA(?:-\w{4}){3}|aedes#\d+|mqtt-packet)/.source
const faultNames = `${faultName}(?:, ${faultName})*`

t.test('the page of faults names every test that shows one, and no other', async (t) => {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  const shown = files
    .filter((path) => path.endsWith('.test.ts'))
    .flatMap((path) => {
      const titles = read(join('test', path)).matchAll(RegExp(`['"\`](${faultNames}): `, 'g'))
      return pairs(titles, () => [`../test/${path}`])
    })
  const parts = read('docs/faults.md').matchAll(RegExp(`^\\*\\*(${faultNames}): (?:.+\n)+`, 'gm'))
  const told = pairs(parts, (part) => [...part.matchAll(/\]\((.*?)\)/g)].map(([, to = '']) => to))
  t.same([...new Set(told)].sort(), [...new Set(shown)].sort())
})

/** `name file` for each of the names that were found, and each file that belongs to them. */
function pairs(found: Iterable<RegExpMatchArray>, filesOf: (text: string) => string[]): string[] {
  return [...found].flatMap(([text, names = '']) =>
    names.split(', ').flatMap((name) => filesOf(text).map((file) => `${name} ${file}`)),
  )
}

t.test('the page about security lists every event of its log', async (t) => {
  const page = read('docs/security.md')
  const [, section = ''] = page.split('## The log of security')
  const rows = [...String(section.split('\n## ')[0]).matchAll(/^\| `([a-z-]+)` +\| (.+?) +\|$/gm)]
  t.same(Object.fromEntries(rows.map(([, name, meaning]) => [name, meaning])), securityEvents)
})
