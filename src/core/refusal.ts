import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { pageHeaders } from './page-headers.ts'

/** An answer that ends a request: a status, one sentence of plain text, and headers. */
export interface Refusal {
  readonly status: number
  readonly reason: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An honest client that is turned away for a while is told so. */
export const busy: Refusal = {
  status: 503,
  reason: 'expected fewer connections: try again later',
  headers: { 'Retry-After': '5' },
}

/** How long a refused socket may take to read its answer. */
const lingerMs = 1000

export function refuseRequest(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, headersOf(refusal)).end(bodyOf(refusal))
}

/**
 * Answers an upgrade request and ends its socket. Browsers send the credentials of a URL only in
 * answer to a 401, on a new connection; on a 401 whose socket stays open they repeat the request
 * where nobody listens any more, and hang.
 */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const { status } = refusal
  endUpgrade(socket, { status, headers: headersOf(refusal), body: bodyOf(refusal) })
}

/** The same with an answer of any kind. */
export function endUpgrade(
  socket: Duplex,
  { status, headers, body }: { status: number; headers: Record<string, string>; body: string },
): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

function headersOf(refusal: Refusal): Record<string, string> {
  return {
    ...pageHeaders,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(bodyOf(refusal))),
    Connection: 'close',
    ...refusal.headers,
  }
}

function bodyOf({ reason }: Refusal): string {
  return `${reason}\n`
}
