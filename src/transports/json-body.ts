import { readFileSync } from 'node:fs'
import { HubError } from '../core/errors.ts'
import { parseJson } from '../core/parse-json.ts'
import { openAjv, schemaSentence } from '../core/schema-error.ts'

/** Reads the body of a request as what the schema `schemas/<name>.schema.json` describes. */
export function createBodyReader<T>(name: string): (body: Buffer) => T {
  const file = new URL(`../../schemas/${name}.schema.json`, import.meta.url)
  const validate = openAjv().compile<T>(JSON.parse(readFileSync(file, 'utf8')))
  return (body) => {
    const value = parseJson(body)
    if (validate(value)) return value
    throw new HubError('bad-payload', schemaSentence(validate.errors, placeName))
  }
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the body' : `/${levels.join('/')}`
}
