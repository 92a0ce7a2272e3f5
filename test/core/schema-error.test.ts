import type { SchemaObject } from 'ajv'
import t from 'tap'
import { openStrictAjv } from '../../schemas/generate-validators.ts'
import { schemaSentence } from '../../src/core/schema-error.ts'

function sentenceFor(schema: SchemaObject, value: unknown): string {
  const validate = openStrictAjv().compile(schema)
  t.notOk(validate(value))
  const { errors = null } = validate
  return schemaSentence({ schema, errors }, value, (levels) => ['it', ...levels].join('.'))
}

const text = { type: 'string' }
const parts = { red: text, green: text }

t.test('a sentence says what was expected at which place, and what came', async (t) => {
  const sentences: [SchemaObject, unknown, string][] = [
    [{ type: 'integer' }, 1.5, 'expected it to be integer, got 1.5'],
    [{ type: 'integer' }, null, 'expected it to be integer, got null'],
    [{ type: 'null' }, 1, 'expected it to be null, got 1'],
    [{ type: 'integer' }, undefined, 'expected it to be integer, got undefined'],
    [{ type: 'integer' }, [1, 2], 'expected it to be integer, got an array of 2'],
    [{ type: 'integer' }, {}, 'expected it to be integer, got an object'],
    [{ type: ['string', 'integer'] }, true, 'expected it to be string or integer, got true'],
    [{ enum: ['a'] }, 'b', 'expected it to be "a", got "b"'],
    [{ enum: ['a', 'b', 3] }, 'c', 'expected it to be "a", "b" or 3, got "c"'],
    [{ type: 'number', maximum: 5 }, 9, 'expected it to be <= 5, got 9'],
    [{ ...text, minLength: 1 }, '', 'expected it to have at least 1 characters, got ""'],
    [{ ...text, maxLength: 1 }, 'ab', 'expected it to have at most 1 characters, got "ab"'],
    [{ ...text, pattern: '^a' }, 'b', 'expected it to be ^a, got "b"'],
    [{ ...text, pattern: '^a', description: 'an a' }, 'b', 'expected it to be an a, got "b"'],
    [
      { type: 'number' },
      `${'x'.repeat(40)}y`,
      `expected it to be number, got "${'x'.repeat(40)}…"`,
    ],
  ]
  for (const [schema, value, sentence] of sentences) t.equal(sentenceFor(schema, value), sentence)
})

t.test('a missing key is named, with an example when the schema has one', async (t) => {
  const schema = { type: 'object', properties: parts, required: ['red'] }
  t.equal(sentenceFor(schema, {}), 'expected it to have "red"')
  t.equal(
    sentenceFor({ ...schema, examples: [{ red: 'r' }] }, {}),
    'expected it to have "red", for example {"red":"r"}',
  )
})

t.test('too few and too many keys are counted, and named when they are known', async (t) => {
  const one = { type: 'object', minProperties: 1, maxProperties: 1 }
  t.equal(sentenceFor(one, {}), 'expected it to have at least 1 entry')
  t.equal(
    sentenceFor({ ...one, properties: parts }, {}),
    'expected it to have at least 1 of "red" and "green"',
  )
  t.equal(
    sentenceFor({ ...one, properties: parts }, { red: '', green: '' }),
    'expected it to have at most 1 of "red" and "green"',
  )
})

t.test('an unknown key is named with the nearest known one, or with all of them', async (t) => {
  const schema = { type: 'object', properties: parts, additionalProperties: false }
  t.equal(sentenceFor(schema, { redd: '' }), 'unknown key "it.redd": did you mean "red"?')
  t.equal(
    sentenceFor(schema, { violet: '' }),
    'unknown key "it.violet": known here: "red" and "green"',
  )
  const closed = { type: 'object', additionalProperties: false }
  t.equal(sentenceFor(closed, { red: '' }), 'unknown key "it.red": none is known here')
})

t.test('a key that breaks the rules for keys is named with its object', async (t) => {
  const schema = { type: 'object', propertyNames: { type: 'string', maxLength: 2 } }
  t.equal(
    sentenceFor(schema, { abc: 1 }),
    'expected the key "abc" of it to have at most 2 characters',
  )
})

t.test('a place is written legibly, whatever its keys hold', async (t) => {
  const schema = {
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: text },
  }
  const sentences: [string, string][] = [
    ['a~/b', 'expected it.x."a~/b" to be string, got 1'],
    ['a\nb', 'expected it.x."a\\nb" to be string, got 1'],
    ['kancelář-1', 'expected it.x.kancelář-1 to be string, got 1'],
  ]
  for (const [key, sentence] of sentences)
    t.equal(sentenceFor(schema, { x: { [key]: 1 } }), sentence)
})

t.test('of several alternatives the one that was kept the longest is told', async (t) => {
  const alternative = (key: string) => ({
    type: 'object',
    properties: { [key]: text },
    required: [key],
    additionalProperties: false,
  })
  const schema = { anyOf: [alternative('red'), alternative('green')] }
  t.equal(sentenceFor(schema, { green: 1 }), 'expected it.green to be string, got 1')
  t.equal(sentenceFor(schema, {}), 'expected it to have "red"')
})

t.test('a value that is only ever written is not shown', async (t) => {
  const secret = { type: 'string', maxLength: 3, writeOnly: true }
  t.equal(sentenceFor(secret, 1234), 'expected it to be string, got a number that is not shown')
  t.equal(
    sentenceFor(secret, 'abcd'),
    'expected it to have at most 3 characters, got a string that is not shown',
  )
})

t.test('without errors the whole value is at fault', async (t) => {
  t.equal(
    schemaSentence({ schema: {}, errors: null }, 1, () => 'it'),
    'expected it to keep its schema',
  )
})
