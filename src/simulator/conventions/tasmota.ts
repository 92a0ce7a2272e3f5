/**
 * Tasmota: told on `cmnd/<name>/<command>`, it answers on `stat/<name>/RESULT` and tells by itself on `tele/<name>/…`. Facts:
 * tasmota/docs (MQTT, Commands, JSON-Status-Responses), emontnemery/hatasmota.
 */
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  kept,
  type NodeIdentity,
  notUnderstood,
  onOff,
  partAt,
  placeAmongKind,
  switchAsked,
  type Utterance,
} from '../convention.ts'
import { meter, type NodePart, quantities, relay, type Values } from '../parts.ts'

export const simulatedTasmota: Convention = {
  name: { usual: 'tasmota_plug', isOneLevel: false },
  canRefuse: true,
  parts: () => [
    relay('Plug', 60),
    meter('AM2301', { temperature: quantities.temperature, humidity: quantities.humidity }),
  ],
  open: (identity, parts) => {
    const { name } = identity
    const module = { name, parts }
    return {
      filters: [`cmnd/${name}/+`],
      will: kept(`tele/${name}/LWT`, 'Offline'),
      greet: () => [
        ...discovery(identity, parts),
        kept(`tele/${name}/LWT`, 'Online'),
        json(`tele/${name}/STATE`, {
          Uptime: '0T00:00:12',
          ...merged(parts.map((part) => stateOf(module, part))),
        }),
        ...sensors(module),
      ],
      report: (part, occasion) => {
        if (occasion === 'time') return sensors(module)
        return part.obeys && occasion === 'obeyed' ? answers(module, part) : []
      },
      lastingIdOf: () => identity.mac,
      hear: (topic, payload) => hear(module, topic, payload),
    }
  },
}

interface Module {
  readonly name: string
  readonly parts: readonly NodePart[]
}

function json(topic: string, value: unknown): Utterance {
  return { topic, payload: JSON.stringify(value) }
}

function merged(all: readonly object[]): object {
  return Object.assign({}, ...all)
}

// --- what it is ---

/** What stands in `rl` of the config. */
const outputs = { relay: 1, light: 2, shutter: 3 }

/** The outputs of a module: a shutter has two, one for each direction. */
function outputsOf(
  parts: readonly NodePart[],
): readonly { readonly part: NodePart; readonly kind: number }[] {
  return parts.flatMap((part) => {
    if (part.kind === 'cover')
      return [outputs.shutter, outputs.shutter].map((kind) => ({ part, kind }))
    if (part.kind === 'relay') return [{ part, kind: outputs.relay }]
    return part.kind === 'light' ? [{ part, kind: outputs.light }] : []
  })
}

/** `POWER` where there is one output, else with its number. */
function powerOf({ parts }: Pick<Module, 'parts'>, part: NodePart): string {
  const all = outputsOf(parts)
  return all.length === 1 ? 'POWER' : `POWER${all.findIndex((output) => output.part === part) + 1}`
}

/** What stands in `lt_st`: 1 one colour, 2 cold and warm, 3 RGB, 5 RGB with cold and warm. */
function lightKind(parts: readonly NodePart[]): number {
  const light = partAt(parts, 'light', 0)
  if (light === undefined) return 0
  const [hasWhite, hasColor] = [light.sets('mired'), light.sets('color')]
  if (hasColor) return hasWhite ? 5 : 3
  return hasWhite ? 2 : 1
}

function eight<T>(all: readonly T[], filler: T): T[] {
  return Array.from({ length: 8 }, (_, at) => all[at] ?? filler)
}

function discovery({ name, mac }: NodeIdentity, parts: readonly NodePart[]): Utterance[] {
  const all = outputsOf(parts)
  const config = {
    ...{
      ip: '192.0.2.10',
      dn: name,
      fn: eight<string | null>(
        all.map(({ part }) => part.name),
        null,
      ),
    },
    ...{ hn: `${name}-0001`, mac, md: 'Sonoff Basic', ty: 0, if: 0, cam: 0 },
    ...{ ofln: 'Offline', onln: 'Online', state: ['OFF', 'ON', 'TOGGLE', 'HOLD'], sw: '14.3.0' },
    ...{ t: name, ft: '%prefix%/%topic%/', tp: ['cmnd', 'stat', 'tele'] },
    ...{
      rl: eight(
        all.map(({ kind }) => kind),
        0,
      ),
      swc: eight([], -1),
      swn: eight([], null),
    },
    ...{
      btn: eight([], 0),
      so: { '4': 0, '68': 0, '73': 0, '114': 0 },
      lk: 1,
      lt_st: lightKind(parts),
    },
    ...{ bat: 0, dslp: 0, sho: [], sht: [], ver: 1 },
  }
  const sn = sensorsOf(parts)
  const on = (topic: string, value: unknown) =>
    kept(`tasmota/discovery/${mac}/${topic}`, JSON.stringify(value))
  return [on('config', config), on('sensors', { sn, ver: 1 })]
}

// --- what it says ---

function stateOf(module: Module, part: NodePart): Record<string, unknown> {
  const { values, kind } = part
  if (kind === 'cover') {
    const { position, moving } = values
    const direction = moving === 'opening' ? 1 : moving === 'closing' ? -1 : 0
    const number = placeAmongKind(module.parts, part) + 1
    return { [`Shutter${number}`]: { Position: position, Direction: direction, Target: position } }
  }
  if (kind !== 'relay' && kind !== 'light') return {}
  const { state, brightness, mired, color } = values
  return {
    [powerOf(module, part)]: onOff(state),
    ...(brightness !== undefined && { Dimmer: brightness }),
    ...(mired !== undefined && { CT: mired }),
    ...(color !== undefined && { Color: color }),
  }
}

/** Of what was commanded: as JSON, and a switch by its plain word too. */
function answers(module: Module, part: NodePart): Utterance[] {
  const state = stateOf(module, part)
  const on = (topic: string) => `stat/${module.name}/${topic}`
  const plain = Object.entries(state).filter(([key]) => key.startsWith('POWER'))
  return [
    json(on('RESULT'), state),
    ...plain.map(([key, word]) => ({ topic: on(key), payload: String(word) })),
  ]
}

/** Tasmota's names of what a meter measures. */
const measured: Readonly<Record<string, string>> = {
  temperature: 'Temperature',
  humidity: 'Humidity',
  pressure: 'Pressure',
  illuminance: 'Illuminance',
  co2: 'CarbonDioxide',
}

function sensorsOf(parts: readonly NodePart[]): Record<string, unknown> {
  const all = parts.map(({ kind, name, values }): Record<string, unknown> => {
    const { power, energy } = values
    if (power !== undefined) return { ENERGY: { Total: energy, Power: power, Voltage: 230 } }
    if (kind !== 'meter') return {}
    const entries = Object.entries(values).map(([key, value]) => [measured[key] ?? key, value])
    return { [name]: Object.fromEntries(entries) }
  })
  return { ...merged(all), TempUnit: 'C', PressureUnit: 'hPa' }
}

function sensors({ name, parts }: Module): Utterance[] {
  return [json(`tele/${name}/SENSOR`, sensorsOf(parts))]
}

// --- what it is told ---

function hear(module: Module, topic: string, payload: Payload): Deed {
  const { name, parts } = module
  const command = topic.slice(`cmnd/${name}/`.length).toUpperCase()
  const text = payload.bytes.toString()
  if (command === 'STATUS') {
    const status = { StatusSTS: merged(parts.map((part) => stateOf(module, part))) }
    return { says: [json(`stat/${name}/STATUS11`, status)] }
  }
  const refused = [json(`stat/${name}/RESULT`, { Command: 'Unknown' })]
  for (const part of parts) {
    const read = commandsOf(module, part).get(command)
    if (read === undefined) continue
    const asked = read(text)
    // Without a value it is a question.
    if (asked === undefined && text === '') return { says: answers(module, part) }
    return { takes: { part, asked: asked ?? {}, refused } }
  }
  return { ...notUnderstood(topic), says: refused }
}

type Reader = (text: string) => Values | undefined

/** What each command asks of the part. */
function commandsOf(module: Module, part: NodePart): ReadonlyMap<string, Reader> {
  const number = placeAmongKind(module.parts, part) + 1
  switch (part.kind) {
    case 'cover':
      return new Map<string, Reader>([
        [`SHUTTERPOSITION${number}`, numberAs((position) => ({ position }))],
        [`SHUTTEROPEN${number}`, () => ({ position: 100 })],
        [`SHUTTERCLOSE${number}`, () => ({ position: 0 })],
        [`SHUTTERSTOP${number}`, () => ({ moving: '' })],
      ])
    case 'relay':
      return new Map([[powerOf(module, part), (text) => switchAsked(part, text)]])
    case 'light':
      return new Map<string, Reader>([
        [powerOf(module, part), (text) => switchAsked(part, text)],
        // Whoever dims a lamp turns it on (SetOption20 is 0).
        ['DIMMER', numberAs((brightness) => ({ state: true, brightness }))],
        ['CT', numberAs((mired) => ({ state: true, mired }))],
        ['COLOR2', (text) => ({ state: true, color: text.replace('#', '') })],
      ])
    default:
      return new Map()
  }
}

function numberAs(asks: (value: number) => Values): Reader {
  return (text) => (text === '' ? undefined : asks(Number(text)))
}
