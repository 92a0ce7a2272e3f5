import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SchemaObject } from 'ajv'
import t from 'tap'
import { generateTypes } from '../schemas/generate-types.ts'
import { openAjv, schemaSentence } from '../src/core/schema-error.ts'
import { testFolder } from './test-folder.ts'

const schemas = join(import.meta.dirname, '../schemas')
const settings = ['config.schema.json', 'users.schema.json']
const exchanged = ['receipt', 'command', 'lock', 'unlock'].map((name) => `${name}.schema.json`)
const files = [
  ...settings,
  ...exchanged,
  ...kinds().map((kind) => `clown-model/${kind}.schema.json`),
]

function kinds(): string[] {
  const names = readdirSync(join(schemas, 'clown-model'))
  return names.map((name) => name.replace('.schema.json', ''))
}

function readSchema(file: string): SchemaObject {
  return JSON.parse(readFileSync(join(schemas, file), 'utf8'))
}

/** Each schema inside of `schema` that describes a named property, by its path. */
function* propertiesOf(schema: SchemaObject, path: string): Generator<[string, SchemaObject]> {
  const { properties = {}, additionalProperties, items, anyOf = [] } = schema
  for (const [key, inner] of Object.entries<SchemaObject>(properties)) {
    yield [`${path}/${key}`, inner]
    yield* propertiesOf(inner, `${path}/${key}`)
  }
  const others: SchemaObject[] = anyOf.concat(
    additionalProperties ?? [],
    items?.properties ? items : [],
  )
  for (const inner of others) yield* propertiesOf(inner, `${path}/…`)
}

t.test('each schema is strict, says what it is for, and accepts its examples', async (t) => {
  for (const file of files) {
    const schema = readSchema(file)
    t.type(schema['title'], 'string', `${file} has a title`)
    t.match(schema['description'], /^[A-Z].*\.$/, `${file} has a sentence as description`)
    t.ok(schema['examples'].length > 0, `${file} has an example`)
    const validate = openAjv({ keywords: ['topics'], validateSchema: true }).compile(schema)
    for (const example of schema['examples']) {
      const isKept = validate(example)
      t.ok(isKept, isKept ? file : `${file}: ${schemaSentence(validate.errors, String)}`)
    }
  }
})

t.test('each property of each schema has a description', async (t) => {
  for (const file of files) {
    for (const [path, schema] of propertiesOf(readSchema(file), file)) {
      t.type(schema['description'], 'string', path)
    }
  }
})

t.test('each setting has an example that keeps its schema', async (t) => {
  for (const file of settings) {
    for (const [path, schema] of propertiesOf(readSchema(file), file)) {
      const validate = openAjv({ validateSchema: true }).compile(schema)
      t.ok(schema['examples'].length > 0, path)
      for (const example of schema['examples']) t.ok(validate(example), path)
    }
  }
})

t.test('a user has the same name and rights in the configuration and in the file', async (t) => {
  const [inConfig, inFile] = settings.map((file) => readSchema(file)['properties'].users)
  t.same(inConfig.propertyNames, inFile.propertyNames)
  const [inline, stored] = [inConfig, inFile].map((users) => users.additionalProperties.properties)
  for (const key of ['role', 'base', 'rules']) t.same(inline[key], stored[key], key)
})

t.test('each kind has its own identifier and topics of its own', async (t) => {
  const seen = new Set<string>()
  for (const kind of kinds()) {
    const schema = readSchema(`clown-model/${kind}.schema.json`)
    t.equal(schema['$id'], `urn:clown-hub:clown-model:${kind}`)
    for (const topic of schema['topics']) {
      t.notOk(seen.has(topic), `${topic} belongs to ${kind} alone`)
      seen.add(topic)
    }
  }
})

t.test('the generated types are those of the schemas', async (t) => {
  for (const [path, text] of await generateTypes()) {
    const onDisk = readFileSync(join(schemas, '..', path), 'utf8')
    t.equal(onDisk, text, `${path} is current; if not: npm run types:generate`)
  }
})

t.test('there is a type for each kind, two for the configuration and one for users', async (t) => {
  const types = [...(await generateTypes()).values()].join('\n')
  for (const name of [
    'RelaySet',
    'Co2Sensor',
    'DisplayOledSet',
    'ConfigInput',
    'Config',
    'UsersFile',
  ]) {
    t.match(types, new RegExp(`^export (interface|type) ${name} `, 'm'))
  }
})

t.test('the script writes the generated types', async (t) => {
  const root = testFolder(t)
  const script = join(schemas, 'generate-types.ts')
  // The loader of the tests is in the arguments; see test/loader for the other one.
  const env = { ...process.env, TAP_TYPE_STRIP_ONLY: '1' }
  execFileSync(process.execPath, [...process.execArgv, script, root], { env })
  for (const [path, text] of await generateTypes()) {
    t.equal(readFileSync(join(root, path), 'utf8'), text)
  }
})
