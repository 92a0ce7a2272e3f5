import type { ServerResponse } from 'node:http'
import type { HubError } from '../core/errors.ts'

/** Answers with `value` as JSON, which nobody on the way may keep. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  sendJsonText(response, JSON.stringify(value), status)
}

/** The same with what is JSON already. */
export function sendJsonText(response: ServerResponse, text: string, status = 200): void {
  const body = `${text}\n`
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  }
  response.writeHead(status, headers).end(body)
}

/** Answers `{"code": …, "message": …}`. */
export function sendError(
  response: ServerResponse,
  { code, message }: HubError,
  status: number,
): void {
  sendJson(response, { code, message }, status)
}
