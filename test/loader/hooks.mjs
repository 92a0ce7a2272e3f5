import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)
const cache = new URL('.tap/transpiled/', root)
const { devDependencies } = createRequire(import.meta.url)('../../package.json')

/** Node's hook: TypeScript becomes JavaScript once, and every later process reads it from the disk. */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) {
    return nextLoad(url, context)
  }
  const source = await transpiled(new URL(url))
  // The hooks further in, which count coverage, are shown what will run.
  const loaded = await nextLoad(url, { ...context, format: 'module', source })
  return { ...loaded, format: 'module', source }
}

async function transpiled(url) {
  const path = fileURLToPath(url)
  const source = await readFile(path, 'utf8')
  const versions = `${devDependencies.amaro} ${devDependencies.typescript}`
  const key = createHash('sha256').update(`${versions}\0${path}\0${source}`).digest('hex')
  const place = new URL(`${key}.js`, cache)
  try {
    return await readFile(place, 'utf8')
  } catch {
    const code = await (isBuilt(url) ? compile(path, source) : stripTypes(path, source))
    await keep(place, code)
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
async function keep(place, code) {
  await mkdir(cache, { recursive: true })
  const unfinished = new URL(`${randomUUID()}.part`, cache)
  await writeFile(unfinished, code)
  await rename(unfinished, place)
}
