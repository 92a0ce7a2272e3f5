import { HubError } from '../core/errors.ts'
import { parseJson } from '../core/parse-json.ts'
import { readSchema } from '../core/read-schema.ts'
import { openAjv, schemaSentence } from '../core/schema-error.ts'

/** Reads the body of a request as what the schema `schemas/<name>.schema.json` describes. */
export function createBodyReader<T>(name: string): (body: Buffer) => T {
  const validate = openAjv().compile<T>(readSchema(name))
  return (body) => {
    const value = parseJson(body)
    if (validate(value)) return value
    throw new HubError('bad-payload', schemaSentence(validate.errors, placeName))
  }
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the body' : `/${levels.join('/')}`
}
