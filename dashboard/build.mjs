/**
 * Builds the page into dist/dashboard, and does nothing when nothing of it has changed since: `npm start` and `npm test` come
 * by here each time.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'dashboard')
const target = join(root, 'dist/dashboard')
const stamp = join(target, '.built')

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort()

/** What a build is made of: the sources, and the versions of what builds them. */
function fingerprint() {
  const folders = [source, join(root, 'client')].filter((folder) => existsSync(folder))
  const hash = createHash('sha256')
  for (const path of [...folders.flatMap(filesIn), join(root, 'package-lock.json')]) {
    hash.update(path.slice(root.length)).update(readFileSync(path))
  }
  return hash.digest('hex')
}

/** Views that have a file each, and what is loaded with the first thing that is opened rarely: rarely.ts. */
const views = /uqr|\/dashboard\/(charts|topics|hub|share(?!\/join)|words)\//
const rare =
  /\/dashboard\/(kiosk|why|setup)\/|(rarely|join|device-page|guard|relabel|tile-editor|copyable|parts|polled)\.tsx?/

function isThereFromTheStart(path) {
  return !/\.css$/.test(path) && !views.test(path) && !rare.test(path)
}

const wanted = fingerprint()
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  const { build } = await import('vite')
  await build({
    configFile: false,
    root: source,
    // Relative, so that the page holds behind a proxy that leaves a prefix.
    base: './',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: target,
      emptyOutDir: true,
      target: 'es2022',
      // Nothing is written into the page itself: its policy would not let that be loaded.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: {
        output: {
          // Many small files are packed worse, and take longer.
          codeSplitting: {
            groups: [
              { name: 'page', test: isThereFromTheStart },
              { name: 'rare', test: (path) => rare.test(path) },
            ],
          },
        },
      },
    },
  })
  const worker = join(target, 'sw.js')
  writeFileSync(worker, transformSync(readFileSync(worker, 'utf8'), { minify: true }).code)
  writeFileSync(stamp, wanted)
}
