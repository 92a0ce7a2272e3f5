/** What a module of Tasmota says of itself in its config. */
import { isRecord } from '../../core/json.ts'
import type { Ask, Outgoing } from '../../nodes/profiles/profile.ts'

/** What a module says of itself in its config. */
export interface Module {
  readonly mac: string
  readonly name: string
  /** Of its relays, lights and shutters, in their order; null where it has none. */
  readonly names: readonly unknown[]
  readonly model: string
  readonly firmware: string
  readonly topics: Readonly<Record<'command' | 'answer' | 'telemetry', string>>
  readonly words: { readonly on: string; readonly off: string; readonly toggle: string }
  readonly here: string
  readonly away: string
  /** What each output is: see `outputs`. */
  readonly outputs: readonly number[]
  /** 0 none, 1 one colour, 2 cold and warm, 3 RGB, 4 RGBW, 5 RGB with cold and warm. */
  readonly light: number
  readonly shutterOptions: readonly unknown[]
  readonly inputs: readonly number[]
  readonly buttons: readonly number[]
  readonly options: Readonly<Record<string, unknown>>
  readonly isFan: boolean
  readonly sleeps: boolean
}

/** The numbers in `rl` of a config. */
export const outputs = { relay: 1, light: 2, shutter: 3 } as const

/** What a config says; undefined when it is none of this format, or of another module. */
export function moduleOf(mac: string, value: unknown): Module | undefined {
  if (!isRecord(value) || value['ver'] !== 1 || value['mac'] !== mac) return undefined
  const topics = topicsOf(value, mac)
  if (topics === undefined) return undefined
  const [off, on, toggle] = listIn(value['state'])
  const { so: options, dn: name, t: topic } = value
  return {
    ...{ mac, topics, name: textOr(name, textOr(topic, mac)), names: listIn(value['fn']) },
    ...{ model: textOr(value['md'], 'Tasmota'), firmware: textOr(value['sw'], '') },
    words: { on: textOr(on, 'ON'), off: textOr(off, 'OFF'), toggle: textOr(toggle, 'TOGGLE') },
    ...{ here: textOr(value['onln'], 'Online'), away: textOr(value['ofln'], 'Offline') },
    ...{ outputs: numbersIn(value['rl']), light: Number(value['lt_st'] ?? 0) },
    ...{ inputs: numbersIn(value['swc']), buttons: numbersIn(value['btn']) },
    shutterOptions: listIn(value['sho']),
    options: isRecord(options) ? options : {},
    ...{ isFan: value['if'] === 1, sleeps: value['dslp'] === 1 },
  }
}

function topicsOf(
  config: Readonly<Record<string, unknown>>,
  mac: string,
): Module['topics'] | undefined {
  const { t: topic, ft: full, tp: prefixes, hn: host } = config
  const [commands, answers, telemetry] = listIn(prefixes)
  if (typeof topic !== 'string' || typeof full !== 'string') return undefined
  const on = (prefix: unknown): string => {
    const filled = full
      .replace('%prefix%', () => textOr(prefix, ''))
      .replace('%topic%', () => topic)
      .replace('%hostname%', () => textOr(host, ''))
      .replace('%id%', () => mac.slice(-6))
    return filled.endsWith('/') ? filled : `${filled}/`
  }
  const topics = { command: on(commands), answer: on(answers), telemetry: on(telemetry) }
  const all = Object.values(topics)
  // Whoever has one topic for all cannot be told from those who command it; and nobody may claim what others say.
  const areApart = new Set(all).size === all.length && !all.some((each) => /[+#]|^\//.test(each))
  return areApart ? topics : undefined
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function numbersIn(value: unknown): number[] {
  return listIn(value).map((each) => (typeof each === 'number' ? each : 0))
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}

// --- its words ---

/** What a word of the module says of a switch; undefined when it is none. */
export function switchMeant({ on, off }: Module['words'], word: unknown): boolean | undefined {
  if (word === on) return true
  return word === off ? false : undefined
}

/** A module takes its own words in any letters, and numbers. */
export function askedBy({ words }: Module, text: string): Ask | undefined {
  const word = text.trim().toUpperCase()
  const isOn = ['1', 'ON', 'TRUE', words.on.toUpperCase()].includes(word)
  const isOff = ['0', 'OFF', 'FALSE', words.off.toUpperCase()].includes(word)
  return isOn || isOff ? { state: isOn } : undefined
}

/** What tells the module to do something. */
export function command({ topics }: Module, name: string, value: string | number): Outgoing {
  return { topic: `${topics.command}${name}`, payload: String(value) }
}
