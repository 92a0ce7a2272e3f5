import type { ErrorObject, SchemaObject } from 'ajv'
import type { Validator } from '../generated/validator.ts'
import { nearest, quote } from './errors.ts'
import { fieldOf } from './json.ts'

/** How a sentence calls the place these keys and indices lead to; no levels: the whole value. */
export type PlaceName = (levels: readonly string[]) => string

/** What ajv says of a value, with the part of the schema and of the value that it is about. */
interface SchemaError extends ErrorObject {
  /** The object that has the keyword. */
  readonly parent: SchemaObject
  /** What the keyword is set to. */
  readonly setTo: unknown
  readonly got: unknown
}

/**
 * One sentence on how `value`, which `validate` has just refused, breaks its schema: what was expected at
 * which place, and what came. A value whose schema is `writeOnly`, such as a password, is never shown.
 */
export function schemaSentence(
  { schema, errors }: Pick<Validator<unknown>, 'schema' | 'errors'>,
  value: unknown,
  placeName: PlaceName,
): string {
  const deepest = deepestOf(errors ?? [])
  if (deepest === undefined) return `expected ${placeName([])} to keep its schema`
  const error = schemaErrorOf(deepest, schema, value)
  if (error.keyword === 'additionalProperties') return unknownKey(error, placeName)
  const place = placeName(levelsOf(error.instancePath).map(legible))
  if (error.propertyName !== undefined) {
    return `expected the key ${quote(error.propertyName)} of ${place} ${wish(error)}`
  }
  return `expected ${place} ${wish(error)}${whatCame(error)}`
}

function schemaErrorOf(error: ErrorObject, schema: SchemaObject, value: unknown): SchemaError {
  const inSchema = levelsOf(decodeURIComponent(error.schemaPath))
  const parent = inSchema.slice(0, -1).reduce((part, level) => part[level], schema)
  const got = levelsOf(error.instancePath).reduce(within, value)
  return { ...error, parent, setTo: parent[error.keyword], got }
}

function within(value: unknown, level: string): unknown {
  return Array.isArray(value) ? value[Number(level)] : fieldOf(value, level)
}

// Of the alternatives of an `anyOf`, the one the value kept the longest is most likely meant.
function deepestOf(errors: readonly ErrorObject[]): ErrorObject | undefined {
  let deepest: ErrorObject | undefined
  const depth = ({ instancePath }: ErrorObject) => levelsOf(instancePath).length
  for (const error of errors) {
    if (deepest === undefined || depth(error) > depth(deepest)) deepest = error
  }
  return deepest
}

// RFC 6901, section 4: ~1 stands for / and ~0 for ~, to be undone in this order.
function levelsOf(pointer: string): string[] {
  const levels = pointer.split('/').slice(1)
  return levels.map((level) => level.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function legible(level: string): string {
  return /^[\p{L}\p{N}_.-]{1,40}$/u.test(level) ? level : quote(level)
}

function unknownKey(error: SchemaError, placeName: PlaceName): string {
  const key = String(error.params['additionalProperty'])
  const place = placeName([...levelsOf(error.instancePath), key])
  return `unknown key ${quote(place)}: ${hint(key, knownKeys(error))}`
}

function hint(key: string, known: readonly string[]): string {
  if (known.length === 0) return 'none is known here'
  const meant = nearest(key, known)
  return meant ? `did you mean ${quote(meant)}?` : `known here: ${listed(known, 'and')}`
}

function knownKeys({ parent }: SchemaError): string[] {
  return Object.keys(parent['properties'] ?? {})
}

function listed(values: readonly unknown[], word: 'and' | 'or'): string {
  const quoted = values.map((value) => JSON.stringify(value))
  const last = quoted.pop()
  return quoted.length === 0 ? `${last}` : `${quoted.join(', ')} ${word} ${last}`
}

/** What the schema asks for, by the keyword that was broken; other keywords in ajv's own words. */
const wishes: Readonly<Record<string, (error: SchemaError) => string>> = {
  type: ({ setTo }) => `to be ${[setTo].flat().join(' or ')}`,
  enum: ({ setTo }) => `to be ${listed([setTo].flat(), 'or')}`,
  pattern: ({ setTo, parent }) => `to be ${parent['description'] ?? setTo}`,
  required: (error) => `to have ${quote(error.params['missingProperty'])}${example(error)}`,
  minProperties: (error) => `to have at least ${entries(error)}${example(error)}`,
  maxProperties: (error) => `to have at most ${entries(error)}`,
}

function wish(error: SchemaError): string {
  const inOurWords = wishes[error.keyword]
  if (inOurWords !== undefined) return inOurWords(error)
  return String(error.message)
    .replace(/^must /, 'to ')
    .replace('NOT have fewer than', 'have at least')
    .replace('NOT have more than', 'have at most')
}

function entries(error: SchemaError): string {
  const known = knownKeys(error)
  return `${error.setTo} ${known.length === 0 ? 'entry' : `of ${listed(known, 'and')}`}`
}

function example(error: SchemaError): string {
  const examples = error.parent['examples']
  return examples === undefined ? '' : `, for example ${JSON.stringify(examples[0])}`
}

function whatCame({ keyword, got, parent }: SchemaError): string {
  if (keyword === 'required' || keyword.endsWith('Properties')) return ''
  if (Array.isArray(got)) return `, got an array of ${got.length}`
  if (typeof got === 'object' && got !== null) return ', got an object'
  if (parent['writeOnly'] === true) return `, got a ${typeof got} that is not shown`
  return `, got ${typeof got === 'string' ? quote(got) : got}`
}
