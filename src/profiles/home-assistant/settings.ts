/** The settings of one entity, read as what they are for: topics, templates, words, numbers. */
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import { checkTopic } from '../../core/topic.ts'
import type { AskRanges, DeviceKind } from '../../nodes/profiles/kinds.ts'
import type { Ask, HeardMessage, Outgoing, Report } from '../../nodes/profiles/profile.ts'
import type { EntityConfig } from './config.ts'
import { compileTemplate, type Template, TemplateFailure } from './templates/template.ts'
import { pythonJson } from './templates/texts.ts'

/** What was said on a topic, for all templates of all entities that hear it. */
export interface SaidText {
  readonly text: string
  /** What templates see of it. */
  readonly variables: Readonly<Record<string, unknown>>
}

export function saidIn({ payload }: HeardMessage): SaidText {
  const text = payload.bytes.toString()
  const isJson = payload.encoding === 'json' && text !== ''
  if (!isJson) return { text, variables: { value: text } }
  return { text, variables: { value: text, value_json: pythonJson(text, payload.value) } }
}

/** What an entity hears on a topic. What tells nothing that it is about is no report. */
export interface EntityReading {
  readonly topic: string
  hear(said: SaidText): Report | undefined
}

/** What others may ask of an entity on a topic. */
export interface Watched {
  readonly topic: string
  hear(said: SaidText): Ask | undefined
}

/** What a component makes of the settings of one entity. */
export interface Entity {
  readonly kind: DeviceKind
  readonly readings: readonly EntityReading[]
  readonly ask?: (asked: Ask) => readonly Outgoing[]
  readonly askKeys?: readonly string[]
  readonly ranges?: AskRanges
  /** Never, unless given. */
  readonly isConfirmable?: (asked: Ask) => boolean
  readonly tolerance?: Readonly<Record<string, number>>
  readonly watched?: readonly Watched[]
  /** Reported once, when so many seconds have gone by without another report. */
  readonly afterwards?: {
    readonly seconds: number
    readonly when: (report: Report) => Report | undefined
  }
}

/** What a template makes of what was said; undefined when it has no result. */
export type Rendered = (said: SaidText) => string | undefined

/** What a command is published as. */
type Command = (variables: Readonly<Record<string, unknown>>) => string

export class Settings {
  readonly config: EntityConfig
  readonly #clock: Clock

  constructor(config: EntityConfig, clock: Clock) {
    this.config = config
    this.#clock = clock
  }

  /** Those of a part of them, such as an entry of the list of availability. */
  of(settings: Readonly<Record<string, unknown>>): Settings {
    return new Settings({ ...this.config, settings }, this.#clock)
  }

  /** What stands under `key`; undefined where nothing does. */
  value(key: string): unknown {
    const { settings } = this.config
    return Object.hasOwn(settings, key) ? settings[key] : undefined
  }

  /** A word that payloads are compared with, as Python writes it: `true` is `True`. */
  word(key: string, otherwise: string): string {
    return this.wordIn(key) ?? otherwise
  }

  wordIn(key: string): string | undefined {
    const value = this.value(key)
    if (typeof value === 'boolean') return value ? 'True' : 'False'
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
  }

  /** Numbers may be texts. */
  number(key: string): number | undefined {
    const value = this.value(key)
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    return typeof number === 'number' && Number.isFinite(number) ? number : undefined
  }

  isOn(key: string): boolean {
    return this.value(key) === true
  }

  words(key: string): readonly string[] {
    const value = this.value(key)
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  }

  /** The words that can be asked for; undefined where nothing is known of them. */
  options(key: string): readonly string[] | undefined {
    const words = this.words(key)
    return words.length === 0 ? undefined : words
  }

  /**
   * What is said on the topic `key`. Any level but the last may be a `+`, which then has to name the device: others'
   * topics are none of its business.
   *
   * @throws HubError or Error with what was expected.
   */
  heardOn(key: string): string | undefined {
    const topic = this.#text(key)
    if (topic === undefined || !topic.includes('+')) return this.commandedOn(key)
    checkTopic(topic.replaceAll('+', 'any'))
    const last = topic.slice(topic.lastIndexOf('/') + 1)
    const { uniqueId, node } = this.config
    if (last !== '' && `${uniqueId} ${node}`.includes(last)) return topic
    throw new Error(`${key}: expected the last level to name the device, got ${topic}`)
  }

  /** The topic that is commanded. @throws HubError when it is none. */
  commandedOn(key: string): string | undefined {
    const topic = this.#text(key)
    if (topic !== undefined) checkTopic(topic)
    return topic
  }

  #text(key: string): string | undefined {
    const value = this.value(key)
    return typeof value === 'string' && value !== '' ? value : undefined
  }

  /** What the template under one of `keys` makes of what is said; the text itself where there is none. */
  rendered(...keys: readonly string[]): Rendered {
    const template = this.#template(keys)
    if (template === undefined) return (said) => said.text
    return (said) => {
      const result = template.render(said.variables)
      return result instanceof TemplateFailure ? undefined : result
    }
  }

  /** What the template under `key` makes of what is asked; the `value` where there is none. */
  command(key: string): Command {
    const template = this.#template([key])
    if (template === undefined) return ({ value }) => String(value)
    return (variables) => {
      const result = template.render(variables)
      if (typeof result === 'string') return result
      throw new HubError('bad-payload', `${key}: ${result.reason}`)
    }
  }

  /** With what commands are published. */
  get qos(): 0 | 1 {
    return this.number('qos') === 0 || !this.has('qos') ? 0 : 1
  }

  has(key: string): boolean {
    return this.value(key) !== undefined
  }

  /** @throws Error with the reason when it is not understood. */
  #template(keys: readonly string[]): Template | undefined {
    const key = keys.find((each) => this.has(each))
    const source = key === undefined ? undefined : this.value(key)
    if (source === undefined || source === null || source === '') return undefined
    if (typeof source !== 'string')
      throw new Error(`${key}: expected a template, got ${typeof source}`)
    const template = compileTemplate(source, this.#clock)
    if (template instanceof TemplateFailure) throw new Error(`${key}: ${template.reason}`)
    return template
  }

  /** One reading on the topic `key`, where there is one; `templates` are the keys that its template may have. */
  reading(
    key: string,
    templates: readonly string[],
    read: (text: string) => Report | undefined,
  ): readonly EntityReading[] {
    const topic = this.heardOn(key)
    const rendered = this.rendered(...templates)
    if (topic === undefined) return []
    const hear = (said: SaidText) => {
      const text = rendered(said)
      return text === undefined ? undefined : read(text)
    }
    return [{ topic, hear }]
  }

  /** What people call what it measures: its device class, what its template reads, or how it is called. */
  get quantity(): string {
    const path = String(this.value('value_template') ?? '').match(pathForm)?.[0] ?? ''
    const last = path
      .match(keyForm)
      ?.at(-1)
      ?.replace(/^\.|^\[["']|["']\]$/g, '')
    const { objectId } = this.config
    const isTelling = last !== undefined && !vague.has(last)
    const own = isTelling ? last : objectId.slice(objectId.search(/[^-_]*$/))
    return wordOf(this.#text('device_class') ?? own)
  }
}

/** `value_json.a['b']`, and the steps of that. */
const pathForm = /value_json(?:\.\w+|\[["'][^"'\]]+["']\])+/
const keyForm = /\.\w+|\[["'][^"'\]]+["']\]/g

/** What many payloads have, whatever they are about. */
const vague: ReadonlySet<string> = new Set(['value', 'state', 'val', 'data', 'get'])

function wordOf(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '-')
      .replace(/^-|-$/g, '') || 'value'
  )
}

/** Whether two words say the same: as text, or as numbers, for `1` and `1.0`. */
export function isWord(text: string, word: string): boolean {
  if (text === word) return true
  return text !== '' && word !== '' && Number(text) === Number(word)
}

export function isUnknown(text: string): boolean {
  return text === 'None' || text === 'unknown' || text === 'unavailable'
}

export function finiteIn(text: string): number | undefined {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}
