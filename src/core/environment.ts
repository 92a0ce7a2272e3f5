/** What surrounds the process: environment variables, and files that hold one value each. */
import type { SchemaObject } from 'ajv'
import { closest } from 'fastest-levenshtein'
import { HubError, quote } from './errors.ts'
import { readSecretFile, readTextFile, valueIn } from './files.ts'

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The parts of a JSON Schema that decide the names of variables. */
export interface SettingsSchema extends SchemaObject {
  readonly properties?: Readonly<Record<string, SettingsSchema>>
  readonly additionalProperties?: boolean | SettingsSchema
  readonly items?: SettingsSchema
}

/** One value from the environment and where it belongs. */
export interface Setting {
  readonly variable: string
  readonly path: readonly string[]
  readonly value: unknown
  /** A key beside the last one that says the same and has to go, such as `passwordFile`. */
  readonly replaces: string | undefined
}

/** A place a variable can set. */
interface Place {
  /** Keys from the root; `anyKey` stands for what the variable's name says there. */
  readonly path: readonly string[]
  readonly schema: SettingsSchema
  readonly replaces: string | undefined
}

const prefix = 'CLOWN_'
/** Kubernetes gives every container such variables for a service that is called clown-hub. */
const foreignPrefix = 'CLOWN_HUB_'
const fileSuffix = '_FILE'
const anyKey = '*'

/**
 * The values that `CLOWN_<PATH>` variables give to places in `schema`, converted to its types where they
 * can be. `CLOWN_<PATH>_FILE` names a file that holds the value.
 *
 * @throws HubError `bad-config` for a variable that fits no place, or says what another one says already;
 * `unreadable-file`, `exposed-secret`.
 */
export function settingsFrom(environment: Environment, schema: SettingsSchema): Setting[] {
  const places = placesOf(schema, [])
  const settings = new Map<string, Setting>()
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !isOurs(variable)) continue
    const setting = settingOf(variable, text, places)
    const path = JSON.stringify(setting.path)
    const rival = settings.get(path)?.variable
    if (rival !== undefined) {
      throw new HubError('bad-config', `expected ${rival} or ${variable}, got both: remove one`)
    }
    settings.set(path, setting)
  }
  return [...settings.values()]
}

function isOurs(variable: string): boolean {
  return variable.startsWith(prefix) && !variable.startsWith(foreignPrefix)
}

function placesOf(schema: SettingsSchema, path: readonly string[], replaces?: string): Place[] {
  const { properties = {}, additionalProperties, items } = schema
  // A list of objects has no spelling in a variable.
  if (items?.['type'] === 'object') return []
  // A variable that ends in _FILE says the same as `passwordFile`, so that needs no name of its own.
  const inner = Object.entries(properties).filter(([key]) => !isFileTwin(key, properties))
  if (typeof additionalProperties === 'object') inner.push([anyKey, additionalProperties])
  if (inner.length === 0) return [{ path, schema, replaces }]
  return inner.flatMap(([key, below]) => {
    const twin = `${key}File`
    return placesOf(below, [...path, key], twin in properties ? twin : undefined)
  })
}

/** Whether `key` is as the `passwordFile` of a `password`: another way to give the same value. */
export function isFileTwin(key: string, properties: Readonly<Record<string, object>>): boolean {
  const sibling = properties[key.replace(/File$/, '')]
  if (sibling === undefined || !key.endsWith('File')) return false
  return !('type' in sibling && sibling.type === 'object')
}

function settingOf(variable: string, text: string, places: readonly Place[]): Setting {
  const place = placeFor(variable, places)
  if (place !== undefined) return settle(variable, text, place)
  const named = variable.endsWith(fileSuffix) ? variable.slice(0, -fileSuffix.length) : ''
  const placeOfFile = placeFor(named, places)
  if (placeOfFile !== undefined) {
    const read = placeOfFile.schema['writeOnly'] === true ? readSecretFile : readTextFile
    return settle(variable, valueIn(read(variable, text)), placeOfFile)
  }
  const known = places.map(({ path }) => variableFor(path, '<NAME>'))
  const nearest = closest(variable, known)
  throw new HubError('bad-config', `unknown variable ${quote(variable)}: did you mean ${nearest}?`)
}

/** The place `variable` names, its path complete. */
function placeFor(variable: string, places: readonly Place[]): Place | undefined {
  for (const place of places) {
    const match = new RegExp(`^${variableFor(place.path, '(.+)')}$`).exec(variable)
    if (match === null) continue
    const keys = match.slice(1)
    const path = place.path.map((key) =>
      key === anyKey ? String(keys.shift()).toLowerCase() : key,
    )
    return { ...place, path }
  }
  return undefined
}

/** The name of the variable that sets `path`, with `any` for the keys that are free. */
export function variableFor(path: readonly string[], any: string): string {
  const names = path.map((key) => (key === anyKey ? any : upperSnakeCase(key)))
  return prefix + names.join('_')
}

function upperSnakeCase(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, '_$&').toUpperCase()
}

function settle(variable: string, text: string, { path, schema, replaces }: Place): Setting {
  return { variable, path, value: converted(text, schema['type']), replaces }
}

/** `text` as a value of a type of JSON Schema, or as it is: the check of the whole then names the variable. */
function converted(text: string, type: unknown): unknown {
  if (type === 'array') {
    const items = text.split(',').map((item) => item.trim())
    return items.filter((item) => item !== '')
  }
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  const isNumber = (type === 'integer' || type === 'number') && text.trim() !== ''
  return isNumber && Number.isFinite(Number(text)) ? Number(text) : text
}
