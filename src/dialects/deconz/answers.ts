/** How the REST API of deCONZ answers: JSON with an ETag, and errors always in an array. */
import { createHash } from 'node:crypto'
import type { ServedAnswer, ServedRequest } from '../served-dialect.ts'

/** The types of errors, as in `general.h` of the original. */
export const errorTypes = {
  unauthorized: 1,
  invalidJson: 2,
  notAvailable: 3,
  methodNotAvailable: 4,
  missingParameter: 5,
  parameterNotAvailable: 6,
  invalidValue: 7,
  notModifiable: 8,
  tooManyItems: 11,
  locked: 101,
  deviceOff: 201,
  notReachable: 202,
  internal: 901,
  notConnected: 950,
} as const

/** One answer of a list: what was done, or why it was not. */
export type Element =
  | { readonly success: Readonly<Record<string, unknown>> | string }
  | { readonly error: { readonly type: number; readonly address: string; description: string } }

export function success(address: string, value: unknown): Element {
  return { success: { [address]: value } }
}

export function failure(
  kind: keyof typeof errorTypes,
  address: string,
  description: string,
): Element {
  const type = errorTypes[kind]
  return { error: { type, address: escaped(address), description: escaped(description) } }
}

export function invalidValue(address: string, name: string, value: unknown): Element {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return failure('invalidValue', address, `invalid value, ${text}, for parameter, ${name}`)
}

/** The gateway is busy; clients try again. */
export function busyElement(address: string): Element {
  return failure('internal', address, 'Internal error, 951')
}

export function notAvailable(address: string): ServedAnswer {
  const element = failure('notAvailable', address, `resource, ${address}, not available`)
  return jsonAnswer(404, [element])
}

/** The original escapes texts for HTML, as `QString::toHtmlEscaped` does. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

const headers = {
  'Content-Type': 'application/json; charset=utf-8',
  'Access-Control-Allow-Origin': '*',
}

export function jsonAnswer(status: number, value: unknown): ServedAnswer {
  return { status, headers, body: JSON.stringify(value) }
}

/** Answers a GET; whoever has it already is told so. `stable` is what of `value` is not about the time. */
export function resourceAnswer(
  request: ServedRequest,
  value: unknown,
  stable: unknown = value,
): ServedAnswer {
  const etag = `"${etagOf(stable)}"`
  const known = request.headers['if-none-match']
  const withTag = { ...headers, ETag: etag }
  if (known === etag) return { status: 304, headers: withTag }
  return { status: 200, headers: withTag, body: JSON.stringify(value) }
}

/** Tells one state of a resource from another; it protects nothing. */
export function etagOf(value: unknown): string {
  return createHash('md5').update(JSON.stringify(value)).digest('hex')
}

/** RFC 9110, 9.3.7, and what the Fetch standard asks of it before a page may send a PUT. */
export const preflightAnswer: ServedAnswer = {
  status: 200,
  headers: {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
    'Access-Control-Allow-Headers': 'Access-Control-Allow-Origin, Content-Type, Authorization',
  },
}
