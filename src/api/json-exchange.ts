/** What a request of the API asks, by its query or JSON body, and its answer in JSON. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { readTime } from '../core/clock.ts'
import { type ErrorCode, HubError, quote } from '../core/errors.ts'
import { type JsonLimits, keepsJsonShape, parseJson } from '../core/json.ts'
import { schemaSentence } from '../core/schema-error.ts'
import type { Validator } from '../generated/validator.ts'

export const jsonType = 'application/json; charset=utf-8'

/** Sends `value` as JSON, which nobody on the way may keep. */
export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  const body = `${JSON.stringify(value)}\n`
  const headers = {
    'Content-Type': jsonType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  }
  response.writeHead(status, headers).end(body)
}

/** Sends what `ask` returns, as JSON; its HubError, when it throws one. */
export function answerJson(
  response: ServerResponse,
  ask: () => Promise<unknown> | unknown,
): Promise<void> {
  return orSendError(response, async () => sendJson(response, await ask()))
}

/** Runs `act`, which sends an answer; sends its HubError, when it throws one instead. */
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

/** Sends `{"code": …, "message": …}`. */
export function sendError(
  response: ServerResponse,
  { code, message }: HubError,
  status = statusOf(code),
): void {
  sendJson(response, { code, message }, status)
}

/** How an HTTP client sees an error with `code`. */
export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? 400
}

/** RFC 9110, 15.5 and 15.6; 429 is RFC 6585, 4. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  forbidden: 403,
  'setup-over': 403,
  'unknown-node': 404,
  'unknown-device': 404,
  'unknown-user': 404,
  locked: 409,
  interlocked: 409,
  'too-many': 409,
  'not-in-users-file': 409,
  'too-fast': 429,
  'cannot-write-store': 503,
  'node-offline': 503,
  'bus-away': 503,
  'bridge-away': 503,
  'no-owner': 503,
  'hub-ends': 503,
}

/** What stands behind the question mark of a URL; of a key that comes twice, the last. */
export type Query = Readonly<Record<string, string | undefined>>

/** @throws HubError `bad-query` for a key that is not known. */
export function readQuery(
  { url }: IncomingMessage,
  known: readonly string[],
  expected = known.join(', '),
): Query {
  const parameters = new URLSearchParams(String(url).replace(/^[^?]*/, ''))
  const unknown = [...parameters.keys()].find((key) => !known.includes(key))
  if (unknown !== undefined) throw badQuery(expected, unknown)
  return Object.fromEntries(parameters)
}

export function badQuery(expected: string, got: string): HubError {
  return new HubError('bad-query', `expected ${expected}, got ${quote(got)}`)
}

/** Milliseconds since 1970 of `since`. @throws HubError `bad-query` */
export function sinceIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return readTime(text, { name: 'since', code: 'bad-query', nowMs: Date.now(), takesNumbers: true })
}

const usualLimit = 100
const longestLimit = 1000

/** How many are asked for by `limit`. @throws HubError `bad-query` */
export function limitIn(text: string | undefined): number {
  const limit = text === undefined ? usualLimit : wholeNumberIn(text)
  if (limit >= 1 && limit <= longestLimit) return limit
  throw badQuery(`limit to be 1 to ${longestLimit}`, String(text))
}

function wholeNumberIn(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}

/**
 * The body of a request as JSON.
 *
 * @throws HubError `bad-payload` when it does not keep its schema, or is past `limits`
 */
export function readJson<T>(body: Buffer, validate: Validator<T>, limits: JsonLimits): T {
  if (!keepsJsonShape(body.toString(), limits)) {
    throw new HubError('bad-payload', 'expected a body within limits.json, got one past them')
  }
  const value = parseJson(body)
  if (validate(value)) return value
  throw new HubError('bad-payload', schemaSentence(validate, value, placeName))
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the body' : `/${levels.join('/')}`
}
