/** What our own schemas take of what is imported. */
import type { SchemaObject } from 'ajv'
import { readSchema } from '../core/read-schema.ts'
import { openAjv } from '../core/schema-error.ts'

type Part = 'user-name' | 'password' | 'rule-topic'

let checks: Record<Part, (value: unknown) => boolean> | undefined

/** Whether `value` may stand in a users file, as what `part` says. */
export function fits(part: Part, value: string): boolean {
  checks ??= openChecks()
  return checks[part](value)
}

function openChecks(): Record<Part, (value: unknown) => boolean> {
  const { users } = readSchema<SchemaObject>('users')['properties']
  const { password, rules } = users.additionalProperties.properties
  const ajv = openAjv()
  return {
    'user-name': ajv.compile(users.propertyNames),
    password: ajv.compile(password),
    'rule-topic': ajv.compile(rules.items.properties.topic),
  }
}

/** `value` where a limit of the configuration can be set to it, or else the nearest that it can be set to. */
export function nearestLimit(path: readonly [group: string, key: string], value: number): number {
  const { limits } = readSchema<SchemaObject>('config')['properties']
  const { minimum, maximum } = limits.properties[path[0]].properties[path[1]]
  return Math.min(Math.max(value, minimum), maximum)
}
