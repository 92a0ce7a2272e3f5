import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Ajv, SchemaObject, ValidateFunction } from 'ajv'
import { reasonOf } from '../core/errors.ts'
import type { Payload } from '../core/payload.ts'
import { openAjv, schemaSentence } from '../core/schema-error.ts'
import type { ClownBases } from './clown-bases.ts'

/** What BigClown's Clown.Model says about topics and the payloads they carry. */
export interface ClownModel {
  /**
   * What tells in one sentence how a payload breaks the schema of the topic's kind, or that it keeps it
   * (undefined), and never throws; undefined when no kind is known, or Clown.Model does not bind the topic.
   */
  problemsOn(topic: string): ((payload: Payload) => string | undefined) | undefined
  /** Whether what reports on `topic` is of a kind that can be commanded, wherever it is. */
  takesCommands(topic: string): boolean
}

/** What a topic is for. */
export type TopicShape = 'command' | 'request' | 'answer' | 'notification' | 'report'

/** A topic pattern and the schema of what travels there. */
interface Rule {
  /** The last levels of a topic, `+` for any; a base of any depth may stand before them. */
  readonly levels: readonly string[]
  readonly validate: ValidateFunction
}

const schemaFolder = fileURLToPath(new URL('../../schemas/clown-model/', import.meta.url))

/** For whoever has no bases: Clown.Model binds every topic. */
const everywhere: Pick<ClownBases, 'binds'> = { binds: () => true }

/**
 * Compiles each schema in `folder` once. They hold for the topics that `bases` bind.
 *
 * @throws Error naming the file, when one cannot be read or is no strict JSON Schema.
 */
export function loadClownModel(folder = schemaFolder, bases = everywhere): ClownModel {
  const rules = loadRules(folder)
  const commands = rules.filter(({ levels }) => shapeOf(levels.join('/')) === 'command')
  return {
    problemsOn: (topic) => {
      const levels = topic.split('/')
      const rule = rules.find((each) => endsLike(levels, each.levels))
      if (rule === undefined) return undefined
      const base = levels.slice(0, -rule.levels.length).join('/')
      const { validate } = rule
      if (!bases.binds(topic, base)) return undefined
      return ({ value }) =>
        validate(value) ? undefined : schemaSentence(validate.errors, placeName)
    },
    takesCommands: (topic) => {
      const levels = `${topic}/set`.split('/')
      return commands.some((rule) => endsLike(levels, rule.levels))
    },
  }
}

/** All patterns of all kinds, the more specific ones first. */
function loadRules(folder: string): Rule[] {
  const ajv = openAjv()
  ajv.addKeyword({
    keyword: 'topics',
    metaSchema: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
  })
  const files = readdirSync(folder).filter((file) => file.endsWith('.schema.json'))
  const rules = files.flatMap((file) => rulesOf(ajv, `${folder}/${file}`))
  return rules.sort((a, b) => exactness(b) - exactness(a) || b.levels.length - a.levels.length)
}

function rulesOf(ajv: Ajv, file: string): Rule[] {
  try {
    const schema: SchemaObject & { topics: string[] } = JSON.parse(readFileSync(file, 'utf8'))
    const validate = ajv.compile(schema)
    return schema.topics.map((pattern) => ({ levels: pattern.split('/'), validate }))
  } catch (cause) {
    throw new Error(`expected a JSON Schema with topics in ${file}: ${reasonOf(cause)}`, { cause })
  }
}

function exactness(rule: Rule): number {
  return rule.levels.filter((level) => level !== '+').length
}

function endsLike(levels: readonly string[], pattern: readonly string[]): boolean {
  const start = levels.length - pattern.length
  return start >= 0 && pattern.every((level, at) => level === '+' || level === levels[start + at])
}

function placeName(levels: readonly string[]): string {
  return levels.length === 0 ? 'the payload' : `/${levels.join('/')}`
}

/** The first ending that fits tells the shape; `config/set` asks for settings, not for an action. */
const shapes: readonly (readonly [ending: string, TopicShape])[] = [
  ['/config/set', 'request'],
  ['/config/get', 'request'],
  ['/config/list', 'request'],
  ['/config/update', 'request'],
  ['/config/ok', 'answer'],
  ['/config/list/ok', 'answer'],
  ['/error', 'answer'],
  ['/boot', 'notification'],
  ['/set', 'command'],
  ['/get', 'command'],
]

const lastCodes = new Set(shapes.map(([ending]) => ending.charCodeAt(ending.length - 1)))

/** What `topic` is for, whatever base stands before it. */
export function shapeOf(topic: string): TopicShape {
  // Of most topics the last character tells it.
  if (!lastCodes.has(topic.charCodeAt(topic.length - 1))) return 'report'
  const absolute = `/${topic}`
  return shapes.find(([ending]) => absolute.endsWith(ending))?.[1] ?? 'report'
}
