/** What a module of Tasmota has: relays, lights, shutters, a fan, inputs. */
import { isRecord } from '../../core/json.ts'
import type { Ask, DeviceFacts, Outgoing, Report } from '../../nodes/profiles/profile.ts'
import { askedBy, command, type Module, outputs, switchMeant } from './module.ts'

/** One thing that a module has, and what it reads of what the module says. */
export interface Part {
  readonly id: string
  readonly facts: DeviceFacts
  /** What a state or an answer says of it; undefined when it says nothing. */
  read(said: Readonly<Record<string, unknown>>): Report | undefined
  /** What somebody else asks of it by a command; undefined when that is about something else. */
  observed?(command: string, text: string): Ask | undefined
}

/** All of them. `asking` is called with each that is asked for something, just before it is sent. */
export function partsOfModule(module: Module, asking: (id: string) => void): Part[] {
  const { outputs: kinds, isFan, mac: node, model, firmware } = module
  const common = { node, model, firmware }
  const count = kinds.filter((kind) => kind > 0).length
  const parts: Part[] = []
  const add = (part: Part) => {
    const { ask } = part.facts
    const told = ask && {
      ask: (asked: Ask) => {
        const outgoing = ask(asked)
        asking(part.id)
        return outgoing
      },
    }
    parts.push({ ...part, facts: { ...part.facts, ...common, ...told } })
  }
  for (const [at, kind] of kinds.entries()) {
    const power = count === 1 ? 'POWER' : `POWER${at + 1}`
    const output = { module, number: at + 1, name: nameOf(module, at, count), power }
    if (kind === outputs.relay) add(relay(output))
    else if (kind === outputs.light) add(light(output))
  }
  const shutters = Math.ceil(kinds.filter((kind) => kind === outputs.shutter).length / 2)
  for (let number = 1; number <= shutters; number++) add(shutter(module, number, shutters))
  if (isFan) add(fan(module))
  for (const part of inputsOf(module)) add(part)
  return parts
}

function nameOf({ names, name }: Module, at: number, count: number): string {
  const own = names[at]
  if (typeof own === 'string' && own !== '') return own
  return count === 1 ? name : `${name} ${at + 1}`
}

interface Output {
  readonly module: Module
  readonly number: number
  readonly name: string
  /** The name of its switch in commands and answers. */
  readonly power: string
}

function relay({ module, number, name, power }: Output): Part {
  return {
    id: `${module.mac}/relay/${number}`,
    facts: {
      ...{ node: module.mac, kind: 'relay', part: String(number), name },
      askKeys: ['state'],
      ask: ({ state }) => [switching(module, power, state === true)],
      question: () => [command(module, 'STATUS', 11)],
    },
    read: (said) => switchIn(module, said, power),
    observed: (name, text) => (isNamed(name, power) ? askedBy(module, text) : undefined),
  }
}

/** With `SetOption26` the only one is numbered, too, which nothing tells. */
function isNamed(name: string, power: string): boolean {
  return name === power || (power === 'POWER' && name === 'POWER1')
}

function switchIn({ words }: Module, said: Record<string, unknown>, power: string) {
  const name = Object.keys(said).find((each) => isNamed(each, power)) ?? power
  const state = switchMeant(words, said[name])
  return state === undefined ? undefined : { state }
}

function switching(module: Module, power: string, isOn: boolean): Outgoing {
  const { on, off } = module.words
  return command(module, power, isOn ? on : off)
}

/** What of a light can be set, beside whether it is on. */
interface Setting {
  readonly key: 'brightness' | 'color' | 'color-temp'
  readonly command: string
  /** What the module tells it by. */
  readonly told: string
}

const colorTemperature: Setting = { key: 'color-temp', command: 'CT', told: 'CT' }

/** `Color2` keeps the brightness. */
const color: Setting = { key: 'color', command: 'Color2', told: 'Color' }

/** With SetOption68, or beside other lights, each output is dimmed by itself. */
function settingsOf({ light: kind, options, outputs: kinds }: Module, at: number): Setting[] {
  const isLight = (each: number) => each === outputs.light
  const isAlone = kinds.filter(isLight).length === 1 && options['68'] !== 1
  const name = isAlone ? 'Dimmer' : `Channel${kinds.slice(0, at + 1).filter(isLight).length}`
  const brightness: Setting = { key: 'brightness', command: name, told: name }
  if (!isAlone) return [brightness]
  const hasWhite = kind === 2 || kind === 5
  return [...(kind >= 3 ? [color] : []), ...(hasWhite ? [colorTemperature] : []), brightness]
}

function light({ module, number, name, power }: Output): Part {
  const settings = settingsOf(module, number - 1)
  return {
    id: `${module.mac}/light/${number}`,
    facts: {
      ...{ node: module.mac, kind: 'light', part: String(number), name },
      askKeys: ['state', ...settings.map(({ key }) => key)],
      ranges: { 'color-temp': { min: 153, max: 500 } },
      ask: (asked) => setting(asked, settings, { module, power }),
      question: () => [command(module, 'STATUS', 11)],
      // What it reports of a colour is dimmed already.
      isConfirmable: (asked) => !Object.hasOwn(asked, 'color'),
      tolerance: { brightness: 1, 'color-temp': 1 },
    },
    read: (said) => {
      const told = settings.flatMap(({ key, told }) => {
        const value = key === 'color' ? colorIn(said[told]) : said[told]
        const isTold = typeof value === 'number' || typeof value === 'string'
        return isTold ? [[key, value] as const] : []
      })
      const values = { ...switchIn(module, said, power), ...Object.fromEntries(told) }
      return Object.keys(values).length > 0 ? values : undefined
    },
    observed: (name, text) => {
      if (isNamed(name, power)) return askedBy(module, text)
      const set = settings.find((each) => each.command.toUpperCase() === name)
      const isNumber = set !== undefined && set.key !== 'color' && /^\d{1,3}$/.test(text)
      return isNumber ? { [set.key]: Number(text) } : undefined
    },
  }
}

function setting(
  asked: Ask,
  settings: readonly Setting[],
  { module, power }: Pick<Output, 'module' | 'power'>,
): Outgoing[] {
  const all = settings.flatMap(({ key, command: name }) =>
    asked[key] === undefined ? [] : [command(module, name, String(asked[key]))],
  )
  if (typeof asked['state'] === 'boolean') all.push(switching(module, power, asked['state']))
  return all
}

/** Without its white channels. */
function colorIn(said: unknown): string | undefined {
  const isColor = typeof said === 'string' && /^[0-9A-F]{6,10}$/i.test(said)
  return isColor ? said.slice(0, 6).toUpperCase() : undefined
}

const verbs: Readonly<Record<string, string>> = { open: 'Open', close: 'Close', stop: 'Stop' }

/** A percentage that the module counts from the other end (ShutterInvert). */
function shutter(module: Module, number: number, count: number): Part {
  const { mac, shutterOptions, name } = module
  const options = shutterOptions[number - 1]
  const isInverted = typeof options === 'number' && (options & 1) === 1
  const turned = (position: number) => (isInverted ? 100 - position : position)
  const key = `Shutter${number}`
  return {
    id: `${mac}/cover/${number}`,
    facts: {
      ...{ node: mac, kind: 'cover', part: String(number) },
      name: count === 1 ? name : `${name} ${number}`,
      askKeys: ['state', 'position'],
      ask: ({ state, position }) => [
        typeof position === 'number'
          ? command(module, `ShutterPosition${number}`, turned(position))
          : command(module, `Shutter${verbs[String(state)]}${number}`, ''),
      ],
      question: () => [command(module, `ShutterPosition${number}`, '')],
      tolerance: { position: 2 },
    },
    read: ({ [key]: said }) => {
      if (typeof said === 'number') return coverState(turned(said), 0)
      if (!isRecord(said)) return undefined
      const { Position: position, Direction: direction = 0 } = said
      if (typeof position !== 'number') return undefined
      return coverState(turned(position), isInverted ? -Number(direction) : Number(direction))
    },
  }
}

function coverState(position: number, direction: number): Report {
  const atRest = position === 0 ? 'closed' : position === 100 ? 'open' : 'stopped'
  const state = direction > 0 ? 'opening' : direction < 0 ? 'closing' : atRest
  return { state, position }
}

/** A fan has three speeds, and 0 is off. */
const fanSpeeds = 3

function fan(module: Module): Part {
  const speedOf = ({ state, speed }: Ask): number => {
    if (typeof speed === 'number') return Math.round((speed / 100) * fanSpeeds)
    return state === true ? 1 : 0
  }
  return {
    id: `${module.mac}/fan/1`,
    facts: {
      ...{ node: module.mac, kind: 'fan', part: '1', name: module.name },
      askKeys: ['state', 'speed'],
      ranges: { speed: { step: 100 / fanSpeeds } },
      ask: (asked) => [command(module, 'FanSpeed', speedOf(asked))],
      question: () => [command(module, 'FanSpeed', '')],
      tolerance: { speed: 100 / fanSpeeds / 2 },
    },
    read: ({ FanSpeed: speed }) => {
      if (typeof speed !== 'number') return undefined
      return { state: speed > 0, speed: Math.round((speed / fanSpeeds) * 100) }
    },
  }
}

/** Switches and buttons that only tell, and turn nothing on (SetOption114 and 73). */
function inputsOf({ mac: node, name, inputs, buttons, options, words }: Module): Part[] {
  const toRead = (key: string, read: (word: unknown) => Report | undefined): Part['read'] => {
    return ({ [key]: said }) => read(isRecord(said) ? said['Action'] : said)
  }
  const switches = options['114'] === 1 ? inputs : []
  const pushed = options['73'] === 1 ? buttons : []
  const numbered = (at: number, what: string) => ({ part: String(at + 1), name: `${name} ${what}` })
  return [
    ...switches.flatMap((mode, at): Part[] => {
      if (mode < 0) return []
      const read = toRead(`Switch${at + 1}`, (word) => {
        const state = switchMeant(words, word)
        return state === undefined ? undefined : { state }
      })
      const facts = { node, kind: 'binary-sensor', ...numbered(at, `switch ${at + 1}`) } as const
      return [{ id: `${node}/switch/${at + 1}`, facts, read }]
    }),
    ...pushed.flatMap((isThere, at): Part[] => {
      if (isThere !== 1) return []
      const read = toRead(`Button${at + 1}`, (word) =>
        typeof word === 'string' ? { event: word.toLowerCase() } : undefined,
      )
      const facts = { node, kind: 'event', ...numbered(at, `button ${at + 1}`) } as const
      return [{ id: `${node}/button/${at + 1}`, facts, read }]
    }),
  ]
}
