import type { ServerResponse } from 'node:http'
import { type ErrorCode, HubError } from '../core/errors.ts'

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

/** Answers with what `ask` answers, as JSON; with its HubError, when it throws one. */
export function answerJson(
  response: ServerResponse,
  ask: () => Promise<unknown> | unknown,
): Promise<void> {
  return orSendError(response, async () => sendJson(response, await ask()))
}

/** Runs `act`, which answers; answers with its HubError, when it throws one instead. */
export async function orSendError(
  response: ServerResponse,
  act: () => Promise<void> | void,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    sendError(response, error)
  }
}

/** Answers `{"code": …, "message": …}`. */
export function sendError(
  response: ServerResponse,
  { code, message }: HubError,
  status = statusOf(code),
): void {
  sendJson(response, { code, message }, status)
}

/** How an HTTP client sees a refusal with `code`. */
export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? 400
}

/** RFC 9110, 15.5 and 15.6; 429 is RFC 6585, 4. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  forbidden: 403,
  'unknown-node': 404,
  'unknown-device': 404,
  locked: 409,
  interlocked: 409,
  'too-many': 409,
  'too-fast': 429,
  'cannot-write-store': 503,
  'node-offline': 503,
  'hub-ends': 503,
}
