import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SchemaObject } from 'ajv'
import t from 'tap'
import { applyEnvironment, checkConfig } from '../src/config.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const users = { clown: { password: 'bigclown' } }

interface Limit {
  readonly group: string
  readonly key: string
  readonly schema: SchemaObject
}

const schema: SchemaObject = JSON.parse(read('schemas/config.schema.json'))
const groups = Object.entries<SchemaObject>(schema['properties'].limits.properties)
const limits: Limit[] = groups.flatMap(([group, { properties }]) =>
  Object.entries<SchemaObject>(properties).map(([key, schema]) => ({ group, key, schema })),
)

t.test(
  'each number among the limits has a ceiling, an owner, an outcome and a counter',
  async (t) => {
    t.not(limits.length, 0)
    for (const { group, key, schema } of limits) {
      if (schema['type'] === 'boolean') continue
      t.type(schema['maximum'], 'number', `${group}.${key}`)
      t.match(schema['whose'], /^(each|all|the hub)/, `${group}.${key}`)
      t.type(schema['onExcess'], 'string', `${group}.${key}`)
      // Of a time between two things nothing can be past.
      if (schema['onExcess'].startsWith('nothing')) continue
      t.match(schema['counter'], /^[a-z0-9-]+$/, `${group}.${key}`)
    }
  },
)

t.test('the page of the limits has a row for each, and its variable sets it', async (t) => {
  const rows = [...read('docs/limits.md').matchAll(/^\| `([\w.]+)`<br>`(\w+)`/gm)]
  const variables = new Map(rows.map(([, path = '', variable = '']) => [path, variable]))
  t.equal(variables.size, limits.length)
  for (const { group, key, schema } of limits) {
    const path = `limits.${group}.${key}`
    const value = schema['default']
    const output = applyEnvironment({ users }, { [variables.get(path) ?? '']: String(value) })
    t.same(output, { users, limits: { [group]: { [key]: value } } }, path)
  }
})

t.test('no configuration passes a ceiling', async (t) => {
  for (const { group, key, schema } of limits) {
    if (schema['type'] === 'boolean') continue
    const withValue = (value: number) => () =>
      checkConfig({ users, limits: { [group]: { [key]: value } } })
    t.doesNotThrow(withValue(schema['maximum']), `${group}.${key}`)
    t.throws(withValue(schema['maximum'] + 1), { code: 'bad-config' }, `${group}.${key}`)
  }
})

t.test('each counter that the schema names is counted somewhere', async (t) => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const sources = files.filter((path) => path.endsWith('.ts')).map((path) => join('src', path))
  const text = sources.map(read).join('\n')
  const counters = new Set(limits.flatMap(({ schema }) => schema['counter'] ?? []))
  for (const counter of counters) t.ok(text.includes(`'${counter}'`), counter)
})
