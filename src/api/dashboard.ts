/** The page of the hub: the files that `dashboard/` was built into, from a table that is read once. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { GetRoute } from '../core/route.ts'

/** Two folders above this file in `src/` and in `dist/` alike. */
const built = fileURLToPath(new URL('../../dist/dashboard', import.meta.url))

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
}

/** Nothing that is written into the page itself runs or is shown, and nothing is loaded from elsewhere. */
const policy = [
  "default-src 'none'",
  ...['script', 'style', 'img', 'connect', 'manifest', 'worker'].map(
    (kind) => `${kind}-src 'self'`,
  ),
  "form-action 'self'; base-uri 'none'; frame-ancestors",
].join('; ')

/** Files whose names change with what they say: a browser need never ask for them again (RFC 8246). */
const hashedFolder = 'assets/'

/**
 * By path, each file below `folder`. Paths that are not in it are nobody's, so that no name leads out of it. Where the page
 * was not built, as in a checkout that was never started, `/` says so.
 */
export function dashboardRoutes(folder = built): ReadonlyMap<string, GetRoute> {
  if (!existsSync(join(folder, 'index.html'))) return new Map([['/', notBuilt]])
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const routes = new Map<string, GetRoute>()
  for (const name of names) {
    const type = types[extname(name)]
    if (type === undefined) continue
    const route = fileRoute(folder, { name, type })
    routes.set(`/${name}`, route)
    if (name === 'index.html') routes.set('/', route)
  }
  return routes
}

const notBuilt: GetRoute = {
  get: ({ refuse }) =>
    refuse({ status: 503, reason: 'expected the page in dist/dashboard: npm run build makes it' }),
}

/** A file of the page, by its path below the folder, and what it is. */
interface PageFile {
  readonly name: string
  readonly type: string
}

function fileRoute(folder: string, file: PageFile): GetRoute {
  const { name } = file
  const plain = readFileSync(join(folder, name))
  const isText = extname(name) !== '.png'
  let zipped: Buffer | undefined
  const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
  const alone = headersOf(file, tag, "'none'")
  const framed = headersOf(file, tag, "'self'")
  return {
    get: ({ request, response, isFramed }) => {
      const always = isFramed ? framed : alone
      if (request.headers['if-none-match'] === tag) {
        response.writeHead(304, always).end()
        return
      }
      const isZipped = isText && takesGzip(request)
      // Once, for whoever is the first.
      if (isZipped) zipped ??= gzipSync(plain, { level: 9 })
      const body = (isZipped && zipped) || plain
      const encoding = isZipped ? { 'Content-Encoding': 'gzip' } : {}
      response.writeHead(200, { ...always, ...encoding, 'Content-Length': body.length }).end(body)
    },
  }
}

function headersOf(
  { name, type }: PageFile,
  tag: string,
  ancestors: "'none'" | "'self'",
): Record<string, string> {
  const isHashed = name.startsWith(hashedFolder)
  return {
    'Content-Type': type,
    'Cache-Control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    ETag: tag,
    Vary: 'Accept-Encoding, Origin',
    'Content-Security-Policy': `${policy} ${ancestors}`,
  }
}

/** RFC 9110, 12.5.3, as far as browsers and curl go: whoever names gzip, and not with the weight 0. */
function takesGzip({ headers }: IncomingMessage): boolean {
  const named = /(?:^|[,\s])gzip(?:\s*;\s*q=([\d.]+))?/i.exec(`${headers['accept-encoding'] ?? ''}`)
  return named !== null && Number(named[1] ?? 1) > 0
}
