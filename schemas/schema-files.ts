import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SchemaObject } from 'ajv'
import type { JSONSchema } from 'json-schema-to-typescript'

export const schemas = dirname(fileURLToPath(import.meta.url))

const ending = '.schema.json'

/** One of our schemas, such as `users` or `stored/lock`. */
export function readSchema(name: string, folder = schemas): JSONSchema & SchemaObject {
  return JSON.parse(readFileSync(join(folder, name + ending), 'utf8'))
}

/** The names of the schemas in a folder. */
export function schemaNames(folder: string): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(ending))
  return files.sort().map((file) => file.slice(0, -ending.length))
}

/** What the type of a kind such as `relay-set` is called. */
export function pascalCase(kind: string): string {
  return kind.replace(/(?:^|-)(.)/g, (_, first: string) => first.toUpperCase())
}
