import type { ServerResponse } from 'node:http'

/** Answers 200 with `value` as JSON, which nobody on the way may keep. */
export function sendJson(response: ServerResponse, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  }
  response.writeHead(200, headers).end(body)
}
