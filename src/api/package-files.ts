/** Files that the package brings along, for browsers. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import type { GetRoute } from '../core/route.ts'

export interface PackageFile {
  /** Below `dist/`, where `npm run build` puts it. */
  readonly path: string
  readonly type: string
}

/** The client library, for pages of whatever origin: one import is all they need. */
export const clientFile: PackageFile = {
  path: 'client/client.js',
  type: 'text/javascript; charset=utf-8',
}

/** Serves a file that says nothing of this hub, so that pages of all origins may load it. */
export function publicFileRoute({ path, type }: PackageFile): GetRoute {
  // `dist/` stands beside `src/`, and two folders above this file in both.
  const url = new URL(`../../dist/${path}`, import.meta.url)
  let read: Promise<{ readonly bytes: Buffer; readonly etag: string }> | undefined
  return {
    isPublic: true,
    get: async ({ request, response }) => {
      read ??= readFile(url).then((bytes) => ({ bytes, etag: etagOf(bytes) }))
      const { bytes, etag } = await read
      share(response)
      // A browser asks each time, and is mostly told that nothing is new: RFC 9111, 5.2.2.4.
      const headers = { 'Content-Type': type, 'Cache-Control': 'no-cache', ETag: etag }
      if (request.headers['if-none-match']?.includes(etag)) response.writeHead(304, headers).end()
      else response.writeHead(200, { ...headers, 'Content-Length': bytes.length }).end(bytes)
    },
  }
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
}

/** CORS, without credentials: a listed origin has been told more already. */
function share(response: ServerResponse): void {
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
  if (response.hasHeader('Access-Control-Allow-Origin')) return
  response.setHeader('Access-Control-Allow-Origin', '*')
}
