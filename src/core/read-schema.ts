import { readFileSync } from 'node:fs'
import type { SchemaObject } from 'ajv'

/** The JSON Schema `schemas/<name>.schema.json` of the package. */
export function readSchema<T extends SchemaObject>(name: string): T {
  const file = new URL(`../../schemas/${name}.schema.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}
