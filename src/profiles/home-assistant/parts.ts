/** Entities made of parts: each has a state that is heard on a topic, and is commanded on another one. */
import type { AskRanges, DeviceKind } from '../../nodes/profiles/kinds.ts'
import type { Ask, Outgoing, StateValue } from '../../nodes/profiles/profile.ts'
import { type Entity, isWord, type SaidText, type Settings, type Watched } from './settings.ts'

/** One key of what a device reports and is asked, and the names of its settings. */
export interface EntityPart {
  /** Of the report, as its kind has it. */
  readonly name: string
  readonly stateTopic: string
  readonly stateTemplates: readonly string[]
  readonly commandTopic: string
  readonly commandTemplate: string
  /** What a text tells; undefined when it is about something else. */
  readonly read: (text: string) => StateValue | undefined
  /** What is published, or put into the template; only what `range` has is asked for. */
  readonly write: (value: unknown) => string | number
  /** What the template has beside `value`. */
  readonly variables?: (value: unknown) => Readonly<Record<string, unknown>>
  /** What a published text asks for; undefined when it is none. */
  readonly asked?: (text: string) => unknown
  /** What can be asked, beyond what the kind says. */
  readonly range?: AskRanges[string] | undefined
}

/** What the device is asked by one part; undefined where it has no such command. */
type Asking = (value: unknown) => Outgoing

/** A part with its topics and templates. */
export interface OpenPart {
  readonly part: EntityPart
  readonly ask: Asking | undefined
  readonly isReported: boolean
}

export function openPart(settings: Settings, part: EntityPart): OpenPart {
  const topic = settings.commandedOn(part.commandTopic)
  const command = settings.command(part.commandTemplate)
  const { qos } = settings
  const asking = (on: string) => (value: unknown) => {
    const payload = command({ value: part.write(value), ...part.variables?.(value) })
    return { topic: on, payload, qos }
  }
  return {
    part,
    ask: topic === undefined ? undefined : asking(topic),
    // Where it is heard what it is commanded by, it has said nothing.
    isReported: ![undefined, topic].includes(settings.heardOn(part.stateTopic)),
  }
}

export function readingsOf(settings: Settings, parts: readonly EntityPart[]): Entity['readings'] {
  return parts.flatMap(({ name, stateTopic, stateTemplates, read }) =>
    settings.reading(stateTopic, stateTemplates, (text) => {
      const value = read(text)
      return value === undefined ? undefined : { [name]: value }
    }),
  )
}

/** Whether a report will tell what has become of a command of these parts. */
export function confirmableBy(
  settings: Settings,
  parts: readonly OpenPart[],
): (asked: Ask) => boolean {
  const reported = new Set(parts.flatMap(({ part, isReported }) => (isReported ? [part.name] : [])))
  const isOptimistic = settings.isOn('optimistic')
  return (asked) => !isOptimistic && Object.keys(asked).every((name) => reported.has(name))
}

/** An entity that is no more than its parts. */
export function entityOfParts(
  settings: Settings,
  kind: DeviceKind,
  parts: readonly EntityPart[],
): Entity {
  const open = parts.map((part) => openPart(settings, part))
  const asked = open.flatMap(({ part, ask }) => (ask === undefined ? [] : [{ part, ask }]))
  const names = asked.map(({ part }) => part.name)
  return {
    kind,
    readings: readingsOf(settings, parts),
    watched: parts.flatMap((part) => watchedOf(settings, part)),
    isConfirmable: confirmableBy(settings, open),
    ...(names.length > 0 && {
      askKeys: names,
      ranges: rangesOf(asked.map(({ part }) => part)),
      ask: (values) =>
        asked
          .filter(({ part }) => Object.hasOwn(values, part.name))
          .map(({ part, ask }) => ask(values[part.name])),
    }),
  }
}

export function rangesOf(parts: readonly EntityPart[]): AskRanges {
  return Object.fromEntries(
    parts.flatMap(({ name, range }) => (range === undefined ? [] : [[name, range]])),
  )
}

/** What others command, where that needs no template to be turned around. */
export function watchedOf(settings: Settings, part: EntityPart): readonly Watched[] {
  const topic = settings.commandedOn(part.commandTopic)
  if (topic === undefined) return []
  if (settings.has(part.commandTemplate)) return [{ topic, hear: () => undefined }]
  const hear = ({ text }: SaidText): Ask | undefined => {
    const value = part.asked?.(text)
    return value === undefined ? undefined : { [part.name]: value }
  }
  return [{ topic, hear }]
}

/** A value out of `0…100` as one out of `range`, and back. */
export interface Scale {
  readonly from: number
  readonly to: number
}

export function percentIn(text: string, { from, to }: Scale): number | undefined {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || from === to) return undefined
  return Math.min(100, Math.max(0, Math.round(((number - from) / (to - from)) * 100)))
}

export function ofPercent(value: unknown, { from, to }: Scale): number {
  return Math.round(from + ((to - from) * Number(value)) / 100)
}

/** The state of what is on or off, by the words of a config. */
export function switchPart(settings: Settings): EntityPart {
  const [on, off] = [settings.word('payload_on', 'ON'), settings.word('payload_off', 'OFF')]
  const [isOn, isOff] = [settings.word('state_on', on), settings.word('state_off', off)]
  return {
    name: 'state',
    stateTopic: 'state_topic',
    stateTemplates: ['value_template', 'state_value_template'],
    commandTopic: 'command_topic',
    commandTemplate: 'command_template',
    read: (text) => positionIn(text, isOn, isOff),
    write: (value) => (value === true ? on : off),
    asked: (text) => positionIn(text, on, off) ?? undefined,
  }
}

function positionIn(text: string, on: string, off: string): boolean | null | undefined {
  if (isWord(text, on)) return true
  if (isWord(text, off)) return false
  return text === 'None' ? null : undefined
}
