import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import { schemaSentence } from '../core/schema-error.ts'
import { joinTopic } from '../core/topic.ts'
import { clownKinds } from '../generated/clown-kinds.js'
import type { Validator } from '../generated/validator.ts'
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
  /** What asks the device that reports on `topic` to do so now; undefined where Clown.Model does not bind it. */
  questionTo(topic: string): Message | undefined
}

/** What a topic is for. */
export type TopicShape = 'command' | 'request' | 'answer' | 'notification' | 'report'

/** A topic pattern and the schema of what travels there. */
interface Rule {
  /** The last levels of a topic, `+` for any; a base of any depth may stand before them. */
  readonly levels: readonly string[]
  readonly validate: Validator<unknown>
}

/** For whoever has no bases: Clown.Model binds every topic. */
const everywhere: Pick<ClownBases, 'binds'> = { binds: () => true }

/** Its schemas hold for the topics that `bases` bind. */
export function createClownModel(bases = everywhere): ClownModel {
  const ruleFor = (topic: string) => {
    const levels = topic.split('/')
    const rule = rules.find((each) => endsLike(levels, each.levels))
    if (rule === undefined) return undefined
    const base = levels.slice(0, -rule.levels.length).join('/')
    return bases.binds(topic, base) ? rule : undefined
  }
  const commands = rules.filter(({ levels }) => shapeOf(levels.join('/')) === 'command')
  return {
    problemsOn: (topic) => {
      const rule = ruleFor(topic)
      if (rule === undefined) return undefined
      const { validate } = rule
      return ({ value }) =>
        validate(value) ? undefined : schemaSentence(validate, value, placeName)
    },
    questionTo: (device) => {
      const topic = joinTopic(device, 'get')
      if (ruleFor(topic) === undefined) return undefined
      return { topic, payload: Payload.ofJson('{}', {}), qos: 0, retain: false }
    },
    takesCommands: (topic) => {
      const levels = `${topic}/set`.split('/')
      return commands.some((rule) => endsLike(levels, rule.levels))
    },
  }
}

/** All patterns of all kinds, the more specific ones first. */
const rules = clownKinds
  .flatMap(({ topics, validate }): Rule[] =>
    topics.map((pattern) => ({ levels: pattern.split('/'), validate })),
  )
  .sort((a, b) => exactness(b) - exactness(a) || b.levels.length - a.levels.length)

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

/** What only the hub has anything to say of: it is never on the bus, and what a client says there makes no device. */
export const hubEndings = { presence: '/-/presence', labels: '/-/label' } as const

/** The first ending that fits tells the shape; `config/set` asks for settings, not for an action. */
const shapes: readonly (readonly [ending: string, TopicShape])[] = [
  ['/config/set', 'request'],
  ['/config/get', 'request'],
  ['/config/list', 'request'],
  ['/config/update', 'request'],
  ['/config/ok', 'answer'],
  ['/config/list/ok', 'answer'],
  ['/error', 'answer'],
  [hubEndings.presence, 'answer'],
  [hubEndings.labels, 'answer'],
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

// --- what a device could read in another way ---

/** Why somebody might read another command in a payload than its sender meant; undefined for nothing. */
export function ambiguityIn(payload: Payload): string | undefined {
  return numberProblemOf(payload.value) ?? keyProblemOf(payload)
}

/**
 * A number that was changed by parsing it would command something else than was asked for: `1e999`
 * becomes infinite, and integers from 2^53 on lose their last digits. Payloads are never deep.
 */
function numberProblemOf(value: unknown): string | undefined {
  if (typeof value === 'number') {
    const isWhole = Number.isInteger(value)
    const isExact = isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)
    return isExact ? undefined : `expected finite numbers and integers below 2^53, got ${value}`
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const inner of Object.values(value)) {
    const problem = numberProblemOf(inner)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** RFC 8259, 4: with a key that comes twice, readers differ in which one counts. */
function keyProblemOf({ encoding, jsonText, value }: Payload): string | undefined {
  if (encoding !== 'json') return undefined
  const colons = jsonText.replace(/"(?:[^"\\]|\\.)*"?/g, '').split(':').length - 1
  return colons === keysIn(value) ? undefined : 'expected each key once, got one that comes again'
}

/** How many keys `value` has, at every depth. */
function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inner = Object.values(value)
  const own = Array.isArray(value) ? 0 : inner.length
  return inner.reduce((sum: number, each) => sum + keysIn(each), own)
}
