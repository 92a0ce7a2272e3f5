import type { ErrorObject, SchemaObject } from 'ajv'
import type { Validator } from '../generated/validator.ts'
import { nearest, quote } from './errors.ts'
import { fieldOf } from './json.ts'

/** How a sentence calls the place these keys and indices lead to; no levels: the whole value. */
export type PlaceName = (levels: readonly string[]) => string

/** What ajv says of a value, with the part of the schema and of the value that it is about. */
interface SchemaFault extends ErrorObject {
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
  const fault = faultOf(deepest, schema, value)
  if (fault.keyword === 'additionalProperties') return unknownKey(fault, placeName)
  const place = placeName(levelsOf(fault.instancePath).map(legible))
  if (fault.propertyName !== undefined) {
    return `expected the key ${quote(fault.propertyName)} of ${place} ${wish(fault)}`
  }
  return `expected ${place} ${wish(fault)}${whatCame(fault)}`
}

function faultOf(error: ErrorObject, schema: SchemaObject, value: unknown): SchemaFault {
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

function unknownKey(fault: SchemaFault, placeName: PlaceName): string {
  const key = String(fault.params['additionalProperty'])
  const place = placeName([...levelsOf(fault.instancePath), key])
  return `unknown key ${quote(place)}: ${hint(key, knownKeys(fault))}`
}

function hint(key: string, known: readonly string[]): string {
  if (known.length === 0) return 'none is known here'
  const meant = nearest(key, known)
  return meant ? `did you mean ${quote(meant)}?` : `known here: ${listed(known, 'and')}`
}

function knownKeys({ parent }: SchemaFault): string[] {
  return Object.keys(parent['properties'] ?? {})
}

function listed(values: readonly unknown[], word: 'and' | 'or'): string {
  const quoted = values.map((value) => JSON.stringify(value))
  const last = quoted.pop()
  return quoted.length === 0 ? `${last}` : `${quoted.join(', ')} ${word} ${last}`
}

/** What the schema asks for, by the keyword that was broken; other keywords in ajv's own words. */
const wishes: Readonly<Record<string, (fault: SchemaFault) => string>> = {
  type: ({ setTo }) => `to be ${[setTo].flat().join(' or ')}`,
  enum: ({ setTo }) => `to be ${listed([setTo].flat(), 'or')}`,
  pattern: ({ setTo, parent }) => `to be ${parent['description'] ?? setTo}`,
  required: (fault) => `to have ${quote(fault.params['missingProperty'])}${example(fault)}`,
  minProperties: (fault) => `to have at least ${entries(fault)}${example(fault)}`,
  maxProperties: (fault) => `to have at most ${entries(fault)}`,
}

function wish(fault: SchemaFault): string {
  const inOurWords = wishes[fault.keyword]
  if (inOurWords !== undefined) return inOurWords(fault)
  return String(fault.message)
    .replace(/^must /, 'to ')
    .replace('NOT have fewer than', 'have at least')
    .replace('NOT have more than', 'have at most')
}

function entries(fault: SchemaFault): string {
  const known = knownKeys(fault)
  return `${fault.setTo} ${known.length === 0 ? 'entry' : `of ${listed(known, 'and')}`}`
}

function example(fault: SchemaFault): string {
  const examples = fault.parent['examples']
  return examples === undefined ? '' : `, for example ${JSON.stringify(examples[0])}`
}

function whatCame({ keyword, got, parent }: SchemaFault): string {
  if (keyword === 'required' || keyword.endsWith('Properties')) return ''
  if (Array.isArray(got)) return `, got an array of ${got.length}`
  if (typeof got === 'object' && got !== null) return ', got an object'
  if (parent['writeOnly'] === true) return `, got a ${typeof got} that is not shown`
  return `, got ${typeof got === 'string' ? quote(got) : got}`
}
