import { HubError } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import { schemaSentence } from '../core/schema-error.ts'
import type { Validator } from '../generated/validator.ts'

/**
 * The body of a request as JSON.
 *
 * @throws HubError `bad-payload` when it does not keep its schema
 */
export function readBody<T>(body: Buffer, validate: Validator<T>): T {
  const value = parseJson(body)
  if (validate(value)) return value
  throw new HubError('bad-payload', schemaSentence(validate, value, placeName))
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the body' : `/${levels.join('/')}`
}
