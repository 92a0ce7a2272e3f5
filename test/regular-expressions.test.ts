import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { atLength } from './full-length.ts'

const source = fileURLToPath(new URL('../src', import.meta.url))

/** Every regular expression that is written in a file of `src`. */
function expressionsIn(file: string): { place: string; expression: RegExp }[] {
  const text = readFileSync(join(source, file), 'utf8')
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true)
  const found: { place: string; expression: RegExp }[] = []
  const visit = (node: ts.Node) => {
    if (ts.isRegularExpressionLiteral(node)) {
      const [, pattern = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? []
      const { line } = parsed.getLineAndCharacterOfPosition(node.getStart())
      found.push({
        place: `src/${file}:${line + 1} ${node.text}`,
        expression: RegExp(pattern, flags),
      })
    }
    ts.forEachChild(node, visit)
  }
  visit(parsed)
  return found
}

/** What is repeated: whatever an expression may have an alternative for. */
const pieces = [
  ...`aZ0-_./:;,="'\\%+#?&[]{}()<|@$^~*! \t\n\ré`,
  ...'a= =a a, \\" "" /a a/ a: 0. 00 \\\\ \\a a- -a // \u200b \ud83d\ude00'.split(' '),
  ...[' ,', ', ', 'a ', ' a', '= ', ' =', ': ', '; ', '\r\n'],
]

/** What an expression may ask for before and behind: its own plain text, and what is sure not to fit. */
function framesOf({ source }: RegExp): { before: string; behind: string }[] {
  const plain = source.match(/[\w:/ ]{2,}/g) ?? []
  const starts = ['', ...plain, ...plain.map((text) => `${text} `), 'a="', 'a=', '"', '/', '{']
  return starts.flatMap((before) => ['', '\u0000', '!\n'].map((behind) => ({ before, behind })))
}

/** The processor time of one look of `all`, which is global, at `text`, in milliseconds. */
function costMs(all: RegExp, text: string): number {
  const start = process.cpuUsage()
  for (const _ of text.matchAll(all));
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** The longest text costs a linear one less than a millisecond, and a quadratic one some hundred. */
const length = { short: atLength(2000, 1000), long: 20_000 }

/** The text that costs `expression` more than it should; undefined when there is none. */
function expensiveText(expression: RegExp): string | undefined {
  const { source, flags } = expression
  const all = RegExp(source, flags.includes('g') ? flags : `${flags}g`)
  for (const { before, behind } of framesOf(expression)) {
    for (const piece of pieces) {
      const textOf = (characters: number) =>
        before + piece.repeat(characters / piece.length) + behind
      // Most are cheap in every way: the long text is for those that may not be.
      if (costMs(all, textOf(length.short)) < length.short / 4000) continue
      if (costMs(all, textOf(length.long)) > 100) {
        return `${before}${piece}${piece}${piece}…${behind}`
      }
    }
  }
  return undefined
}

/** What these meet was written by whoever runs the hub, in lines that end, and in a file for their own eyes only. */
const ownText: ReadonlySet<string> = new Set([
  /^\s*([^\s#]\S*)(?:\s+(.*))?$/.source,
  /(?<=\bpassword["']?\s*:\s*)(["']?)(\$(?:[67]|argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+)\$[A-Za-z0-9+/=$]+)\1/
    .source,
])

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  .sort()

t.test(
  'F61: no regular expression takes more than linear time, whatever text it meets',
  async (t) => {
    // What is written in several places costs the same in each.
    const all = new Map(files.flatMap(expressionsIn).map((each) => [`${each.expression}`, each]))
    t.ok(all.size > 50, `${all.size} of them`)
    for (const { place, expression } of all.values()) {
      const text = ownText.has(expression.source) ? undefined : expensiveText(expression)
      if (text !== undefined) t.fail(`${place} at ${JSON.stringify(text)}`)
    }
  },
)

t.test('F61: a regular expression that takes quadratic time is found', async (t) => {
  t.type(expensiveText(/ *, */), 'string')
  t.type(expensiveText(/([a-z]+)=/), 'string')
  t.equal(expensiveText(/^ *,/), undefined)
})
