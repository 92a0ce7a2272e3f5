import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)
const cache = new URL('.tap/transpiled/', root)
const { devDependencies } = createRequire(import.meta.url)('../../package.json')
const versions = `${devDependencies.amaro} ${devDependencies.typescript}`

let isCounted = false

/** Told by who registers it whether coverage is counted. */
export function initialize(told) {
  isCounted = told.isCounted
}

/**
 * Node's hooks. Those of the runner, which come behind these, cost more for each file than the file itself, for what no
 * test uses, and which coverage does without: they are asked for nothing that can be told without them.
 */
export function resolve(specifier, context, nextResolve) {
  const { parentURL = '' } = context
  const isBeside = /^\.\.?\//.test(specifier) && parentURL.startsWith('file:')
  if (!isBeside || !specifier.endsWith('.ts')) return nextResolve(specifier, context)
  return { url: new URL(specifier, parentURL).href, format: 'module', shortCircuit: true }
}

/** TypeScript becomes JavaScript once, and every later process reads it from the disk. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:')) return nextLoad(url, context)
  if (new URL(url).pathname.endsWith('.ts')) {
    return { format: 'module', source: await transpiled(new URL(url)), shortCircuit: true }
  }
  const { format } = context
  if (format === 'commonjs') return { format, source: null, shortCircuit: true }
  if (format !== 'module') return nextLoad(url, context)
  return { format, source: readFileSync(new URL(url)), shortCircuit: true }
}

/** Reads at once and not by promises, which would take most of the time. */
async function transpiled(url) {
  const path = fileURLToPath(url)
  const source = readFileSync(path, 'utf8')
  const isCompiled = isCounted && isBuilt(url)
  const key = createHash('sha256').update(`${versions} ${isCompiled}\0${path}\0${source}`)
  const place = new URL(`${key.digest('hex')}.js`, cache)
  try {
    return readFileSync(place, 'utf8')
  } catch {
    const code = await (isCompiled ? compile(path, source) : stripTypes(path, source))
    keep(place, code)
    return code
  }
}

/** Programs of the tests run what is built of these: the two have to agree on what a function is, or it is counted twice. */
function isBuilt({ href }) {
  return href.startsWith(new URL('src/', root).href)
}

/** As the build does. The types are checked elsewhere. */
async function compile(fileName, source) {
  const { default: ts } = await import('typescript')
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    inlineSourceMap: true,
  }
  return ts.transpileModule(source, { fileName, compilerOptions }).outputText
}

/** Blanks in the place of types, which takes no compiler: most processes meet a new test and nothing else that is new. */
async function stripTypes(path, source) {
  const { transformSync } = await import('amaro')
  return transformSync(source, { mode: 'strip-only', filename: path }).code
}

/** Others may write the same at the same time, and nobody reads half of it. */
function keep(place, code) {
  mkdirSync(cache, { recursive: true })
  const unfinished = new URL(`${randomUUID()}.part`, cache)
  writeFileSync(unfinished, code)
  renameSync(unfinished, place)
}
