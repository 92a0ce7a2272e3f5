/** Whether an entity can be reached, by the topics that its config names. */
import { isRecord } from '../../core/json.ts'
import { isWord, type SaidText, type Settings } from './settings.ts'

interface Source {
  readonly topic: string
  /** What was said on its topic; undefined when that is neither word. */
  read(said: SaidText): boolean | undefined
}

/** The sources of an entity, and what they say together. */
export interface Availability {
  readonly topics: readonly string[]
  /** What holds after something was said on one of the topics: null is not known. */
  hear(topic: string, said: SaidText): boolean | null
  /** What holds before anything was said. */
  readonly atFirst: boolean | null
}

export function availabilityOf(settings: Settings): Availability {
  const sources = sourcesOf(settings)
  const mode = settings.word('availability_mode', 'latest')
  const said = new Map<Source, boolean>()
  let latest: boolean | null = null
  const together = (): boolean | null => {
    if (mode === 'latest') return latest
    const values = sources.map((source) => said.get(source))
    const decisive = mode === 'any'
    if (values.includes(decisive)) return decisive
    return values.includes(undefined) ? null : !decisive
  }
  return {
    topics: [...new Set(sources.map(({ topic }) => topic))],
    atFirst: sources.length === 0 ? true : null,
    hear: (topic, message) => {
      for (const source of sources.filter((each) => each.topic === topic)) {
        const isAvailable = source.read(message)
        if (isAvailable === undefined) continue
        said.set(source, isAvailable)
        latest = isAvailable
      }
      return together()
    },
  }
}

function sourcesOf(settings: Settings): Source[] {
  const list = settings.value('availability')
  if (Array.isArray(list)) {
    return list
      .filter(isRecord)
      .flatMap((each) => sourceOf(settings.of(each), 'topic', 'value_template'))
  }
  return sourceOf(settings, 'availability_topic', 'availability_template')
}

function sourceOf(settings: Settings, key: string, template: string): Source[] {
  const topic = settings.heardOn(key)
  if (topic === undefined) return []
  const [there, away] = [
    settings.word('payload_available', 'online'),
    settings.word('payload_not_available', 'offline'),
  ]
  const rendered = settings.rendered(template)
  const read = (said: SaidText) => {
    const text = rendered(said) ?? ''
    if (isWord(text, there)) return true
    return isWord(text, away) ? false : undefined
  }
  return [{ topic, read }]
}
