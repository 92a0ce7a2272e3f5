import { Ajv, type ErrorObject, type Options } from 'ajv'
import { quote } from './errors.ts'
import { nearest } from './nearest.ts'

/** How a sentence calls the place these keys and indices lead to; no levels: the whole value. */
export type PlaceName = (levels: readonly string[]) => string

/**
 * A strict validator whose errors carry what `schemaSentence` needs. Schemas are part of the package, and
 * its tests check them with `validateSchema`: each check would cost 30 ms at every start. To have ajv polish
 * the code it makes would cost half of the time to make it, and gains nothing that was seen.
 */
export function openAjv(options: Options = {}): Ajv {
  const ajv = new Ajv({
    strict: true,
    allowUnionTypes: true,
    verbose: true,
    validateSchema: false,
    code: { optimize: false },
    ...options,
  })
  // What happens past a limit, and what counts it: for the documents, not for validation.
  return ajv.addVocabulary(['onExcess', 'counter'])
}

/**
 * One sentence on how a value breaks its schema: what was expected at which place, and what came.
 * A value whose schema is `writeOnly`, such as a password, is never shown.
 */
export function schemaSentence(
  errors: readonly ErrorObject[] | null | undefined,
  placeName: PlaceName,
): string {
  const error = deepestOf(errors ?? [])
  if (error === undefined) return `expected ${placeName([])} to keep its schema`
  if (error.keyword === 'additionalProperties') return unknownKey(error, placeName)
  const place = placeName(levelsOf(error).map(legible))
  if (error.propertyName !== undefined) {
    return `expected the key ${quote(error.propertyName)} of ${place} ${wish(error)}`
  }
  return `expected ${place} ${wish(error)}${whatCame(error)}`
}

// Of the alternatives of an `anyOf`, the one the value kept the longest is most likely meant.
function deepestOf(errors: readonly ErrorObject[]): ErrorObject | undefined {
  let deepest: ErrorObject | undefined
  for (const error of errors) {
    if (deepest === undefined || levelsOf(error).length > levelsOf(deepest).length) deepest = error
  }
  return deepest
}

// RFC 6901, section 4: ~1 stands for / and ~0 for ~, to be undone in this order.
function levelsOf(error: ErrorObject): string[] {
  const levels = error.instancePath.split('/').slice(1)
  return levels.map((level) => level.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function legible(level: string): string {
  return /^[\p{L}\p{N}_.-]{1,40}$/u.test(level) ? level : quote(level)
}

function unknownKey(error: ErrorObject, placeName: PlaceName): string {
  const key = String(error.params['additionalProperty'])
  return `unknown key ${quote(placeName([...levelsOf(error), key]))}: ${hint(key, knownKeys(error))}`
}

function hint(key: string, known: readonly string[]): string {
  if (known.length === 0) return 'none is known here'
  const meant = nearest(key, known)
  return meant ? `did you mean ${quote(meant)}?` : `known here: ${listed(known, 'and')}`
}

function knownKeys(error: ErrorObject): string[] {
  return Object.keys(error.parentSchema?.['properties'] ?? {})
}

function listed(values: readonly unknown[], word: 'and' | 'or'): string {
  const quoted = values.map((value) => JSON.stringify(value))
  const last = quoted.pop()
  return quoted.length === 0 ? `${last}` : `${quoted.join(', ')} ${word} ${last}`
}

/** What the schema asks for, by the keyword that was broken; other keywords in ajv's own words. */
const wishes: Readonly<Record<string, (error: ErrorObject) => string>> = {
  type: ({ schema }) => `to be ${[schema].flat().join(' or ')}`,
  enum: ({ schema }) => `to be ${listed([schema].flat(), 'or')}`,
  pattern: ({ schema, parentSchema }) => `to be ${parentSchema?.['description'] ?? schema}`,
  required: (error) => `to have ${quote(error.params['missingProperty'])}${example(error)}`,
  minProperties: (error) => `to have at least ${entries(error)}${example(error)}`,
  maxProperties: (error) => `to have at most ${entries(error)}`,
}

function wish(error: ErrorObject): string {
  const inOurWords = wishes[error.keyword]
  if (inOurWords !== undefined) return inOurWords(error)
  return String(error.message)
    .replace(/^must /, 'to ')
    .replace('NOT have fewer than', 'have at least')
    .replace('NOT have more than', 'have at most')
}

function entries(error: ErrorObject): string {
  const known = knownKeys(error)
  return `${error.schema} ${known.length === 0 ? 'entry' : `of ${listed(known, 'and')}`}`
}

function example(error: ErrorObject): string {
  const examples = error.parentSchema?.['examples']
  return examples === undefined ? '' : `, for example ${JSON.stringify(examples[0])}`
}

function whatCame({ keyword, data, parentSchema }: ErrorObject): string {
  if (keyword === 'required' || keyword.endsWith('Properties')) return ''
  if (Array.isArray(data)) return `, got an array of ${data.length}`
  if (typeof data === 'object' && data !== null) return ', got an object'
  if (parentSchema?.['writeOnly'] === true) return `, got a ${typeof data} that is not shown`
  return `, got ${typeof data === 'string' ? quote(data) : data}`
}
