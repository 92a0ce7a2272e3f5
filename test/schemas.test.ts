import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SchemaObject } from 'ajv'
import t from 'tap'
import { generateTypes } from '../schemas/generate-types.ts'
import { clownKindsModule, openStrictAjv } from '../schemas/generate-validators.ts'
import { readSchema, schemaNames, schemas } from '../schemas/schema-files.ts'
import { schemaSentence } from '../src/core/schema-error.ts'
import { testFolder } from './test-folder.ts'

const settings = ['config', 'users']
const kinds = schemaNames(join(schemas, 'clown-model'))
const files = [
  ...settings,
  ...['receipt', 'command', 'lock', 'unlock', 'label', 'replace', 'forget'],
  ...kinds.map((kind) => `clown-model/${kind}`),
  ...schemaNames(join(schemas, 'stored')).map((kind) => `stored/${kind}`),
]

const schemaOf: (name: string) => SchemaObject = readSchema

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
    const schema = schemaOf(file)
    t.type(schema['title'], 'string', `${file} has a title`)
    t.match(schema['description'], /^[A-Z].*\.$/, `${file} has a sentence as description`)
    t.ok(schema['examples'].length > 0, `${file} has an example`)
    const validate = openStrictAjv().compile(schema)
    for (const example of schema['examples']) {
      const isKept = validate(example)
      const { errors = null } = validate
      t.ok(isKept, isKept ? file : schemaSentence({ schema, errors }, example, String))
    }
  }
})

t.test('each property of each schema has a description', async (t) => {
  for (const file of files) {
    for (const [path, schema] of propertiesOf(schemaOf(file), file)) {
      t.type(schema['description'], 'string', path)
    }
  }
})

t.test('each setting has an example that keeps its schema', async (t) => {
  const ajv = openStrictAjv(false)
  for (const file of settings) {
    for (const [path, schema] of propertiesOf(schemaOf(file), file)) {
      const validate = ajv.compile(schema)
      t.ok(schema['examples'].length > 0, path)
      for (const example of schema['examples']) t.ok(validate(example), path)
    }
  }
})

t.test('a user has the same name and rights in the configuration and in the file', async (t) => {
  const [inConfig, inFile] = settings.map((name) => schemaOf(name)['properties'].users)
  t.same(inConfig.propertyNames, inFile.propertyNames)
  const [inline, stored] = [inConfig, inFile].map((users) => users.additionalProperties.properties)
  // The file has roles of its own besides.
  for (const key of ['base', 'rules']) t.same(inline[key], stored[key], key)
})

t.test('each kind has its own identifier and topics of its own', async (t) => {
  const seen = new Set<string>()
  for (const kind of kinds) {
    const schema = schemaOf(`clown-model/${kind}`)
    t.equal(schema['$id'], `urn:clown-hub:clown-model:${kind}`)
    for (const topic of schema['topics']) {
      t.notOk(seen.has(topic), `${topic} belongs to ${kind} alone`)
      seen.add(topic)
    }
  }
})

t.test('a schema is read by its name', async (t) => {
  t.match(readSchema('command'), { type: 'object', required: ['device', 'payload'] })
  t.throws(() => readSchema('nobody'), { code: 'ENOENT' })
})

t.test('a folder with a broken schema of a kind is refused, and the file named', async (t) => {
  const broken = [
    '{',
    '{"topics":["a"],"typo":1}',
    '{"topics":[],"type":"object"}',
    '{"type":"object"}',
    '{"topics":["a"],"type":"objekt"}',
  ]
  for (const text of broken) {
    const folder = testFolder(t, { 'x.schema.json': text })
    t.throws(
      () => clownKindsModule(folder),
      { message: /JSON Schema with topics in .*x\.schema/ },
      text,
    )
  }
})

t.test('only schemas are read from a folder', async (t) => {
  const folder = testFolder(t, {
    'readme.txt': '',
    'a.schema.json': '{"topics":["a"],"type":"null"}',
  })
  t.match(clownKindsModule(folder), /must be null/)
})

let generated: ReturnType<typeof generateTypes> | undefined

/** What is generated, which takes a second, once for all who look at it. */
function generatedOnce(): ReturnType<typeof generateTypes> {
  generated ??= generateTypes()
  return generated
}

t.test('no code is made when the hub runs', async (t) => {
  const texts = [...(await generatedOnce()).values()].join('\n')
  t.match(texts, 'validate11.errors')
  t.notMatch(texts, /new Function|eval\(|require\(/)
})

t.test('the generated types and validators are those of the schemas', async (t) => {
  for (const [path, text] of await generatedOnce()) {
    const onDisk = readFileSync(join(schemas, '..', path), 'utf8')
    t.equal(onDisk, text, `${path} is current; if not: npm run types:generate`)
  }
})

t.test('there is a type for each kind, two for the configuration and one for users', async (t) => {
  const types = [...(await generatedOnce()).values()].join('\n')
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
  for (const [path, text] of await generatedOnce()) {
    t.equal(readFileSync(join(root, path), 'utf8'), text)
  }
})
