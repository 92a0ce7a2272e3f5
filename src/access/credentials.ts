import type { IncomingMessage } from 'node:http'
import { fieldOf, parseJson } from '../core/json.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Credentials } from './sign-in.ts'

const expected = 'expected a user and a password, in JSON or from a form'

/** The credentials in the body of a request, or how to refuse it. */
export function readCredentials({ headers }: IncomingMessage, body: Buffer): Credentials | Refusal {
  const [mediaType = ''] = (headers['content-type'] ?? '').split(';')
  const read = readers.get(mediaType.trim().toLowerCase())
  if (read === undefined) return { status: 415, reason: expected }
  return credentialsIn(read(body.toString('utf8'))) ?? { status: 400, reason: expected }
}

const readers = new Map<string, (text: string) => unknown>([
  ['application/json', parseJson],
  // A field that comes twice counts with its last value, as in JSON.
  ['application/x-www-form-urlencoded', (text) => Object.fromEntries(new URLSearchParams(text))],
])

/** The user and the password that `value` holds, if it holds both. */
export function credentialsIn(value: unknown): Credentials | undefined {
  const user = textIn(value, 'user')
  const password = textIn(value, 'password')
  return user === undefined || password === undefined ? undefined : { user, password }
}

/** The token that `value` holds, if it holds one. */
export function tokenIn(value: unknown): string | undefined {
  return textIn(value, 'token')
}

function textIn(value: unknown, key: string): string | undefined {
  const text = fieldOf(value, key)
  return typeof text === 'string' ? text : undefined
}
