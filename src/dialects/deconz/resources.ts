/** Devices of the hub as lights and sensors of deCONZ. */
import { createHash } from 'node:crypto'
import type { SeenDevice } from '../../nodes/served/seen-devices.ts'
import { type EventMemory, presenceSeconds } from '../event-memory.ts'
import {
  choicesOf,
  type DeconzColumn,
  givenName,
  type ModelRow,
  readQuantity,
  rowsOf,
} from '../model-table.ts'
import type { ServedContext } from '../served-dialect.ts'
import { etagOf } from './answers.ts'

/** A device that deCONZ has something like. */
export interface Resource {
  readonly device: SeenDevice
  readonly row: ModelRow
  readonly column: DeconzColumn
}

export function resourceOf(device: SeenDevice): Resource | undefined {
  for (const row of rowsOf(device.kind)) {
    if (row.deconz !== undefined) return { device, row, column: row.deconz }
  }
  return undefined
}

export function lightsAmong(devices: readonly SeenDevice[]): Resource[] {
  return devices.flatMap((device) => {
    const resource = resourceOf(device)
    return resource?.column.resource === 'lights' ? resource : []
  })
}

interface ResourceParts {
  readonly memory: Pick<EventMemory, 'isPresent' | 'buttonEvent' | 'happenedAtMs'>
  nameOf(resource: Resource): string
}

/** The whole resource, as GET answers it. */
export function describeResource(
  resource: Resource,
  parts: ResourceParts,
): Record<string, unknown> {
  const { device, column } = resource
  const common = {
    lastseen: minuteOf(device.heardAtMs),
    manufacturername: 'Clown.Hub',
    modelid: device.kind,
    name: parts.nameOf(resource),
    state: stateSection(resource, parts.memory),
    swversion: null,
    type: column.type,
    uniqueid: uniqueIdOf(resource),
  }
  const own =
    column.resource === 'lights'
      ? { hascolor: false, lastannounced: null, ...capabilitiesOf(resource.row) }
      : { config: configSection(resource), ep: 1 }
  return { etag: etagOf([common, own]), ...own, ...common }
}

function capabilitiesOf(row: ModelRow) {
  if (row.form !== 'choice') return {}
  return { capabilities: { color: { effects: ['none', ...effectsOf(choicesOf(row))] } } }
}

/** The words of a choice that are neither on nor off. */
export function effectsOf(choices: readonly string[]): string[] {
  return choices.filter((choice) => choice !== 'on' && choice !== 'off')
}

/** The section `state`, complete. */
export function stateSection(
  resource: Resource,
  memory: ResourceParts['memory'],
): Readonly<Record<string, unknown>> {
  if (resource.column.resource === 'lights') return lightStateOf(resource)
  const { heardAtMs, number } = resource.device
  const atMs = isButton(resource) ? memory.happenedAtMs(number) : heardAtMs
  return { lastupdated: momentOf(atMs), ...readingsOf(resource, memory) }
}

/** What measures nothing: clients take each new `lastupdated` of it for another press. */
export function isButton({ column }: Resource): boolean {
  return column.item === 'buttonevent'
}

/** The section `state` of a light. */
export function lightStateOf({ device, row }: Resource) {
  const value = readQuantity(row, device.value)
  const common = { alert: 'none', reachable: isReachable(device) }
  if (typeof value === 'boolean') return { ...common, on: value }
  if (typeof value !== 'string') return { ...common, on: null }
  const effect = effectsOf(choicesOf(row)).includes(value) ? value : 'none'
  return { ...common, effect, on: value !== 'off' }
}

/** What a sensor says of the world; null before its first report. */
function readingsOf(resource: Resource, memory: ResourceParts['memory']) {
  const { device, row, column } = resource
  if (row.kind === 'pir') return { [column.item]: memory.isPresent(device.number) }
  if (isButton(resource)) return { [column.item]: memory.buttonEvent(device.number) }
  const value = readQuantity(row, device.value)
  const ours = typeof value === 'number' ? value : null
  const theirs = (ours === null ? undefined : column.toTheirs?.(ours)) ?? null
  return { [column.item]: theirs, ...besides[row.kind]?.(ours, theirs) }
}

/** The original's own thresholds, in the measure of `lightlevel`. */
const darkUpTo = 12_000
const daylightOffset = 7000

/** What some kinds say besides, from our measure and theirs; all null before the first report. */
const besides: Readonly<Record<string, (ours: number | null, theirs: number | null) => object>> = {
  'lux-meter': (lux, lightLevel) => ({
    dark: lightLevel === null ? null : lightLevel <= darkUpTo,
    daylight: lightLevel === null ? null : lightLevel >= darkUpTo + daylightOffset,
    lux: lux === null ? null : Math.round(lux),
  }),
  'co2-sensor': (ppm) => ({ airquality: ppm === null ? null : airQualityOf(ppm) }),
}

/** Up to how many ppm of CO2 the air has which of the words of deCONZ; the first ones as German offices judge rooms. */
const airQualities = [
  [800, 'excellent'],
  [1000, 'good'],
  [1400, 'moderate'],
  [2000, 'poor'],
  [5000, 'unhealthy'],
] as const

function airQualityOf(ppm: number): string {
  return airQualities.find(([most]) => ppm <= most)?.[1] ?? 'out of scale'
}

/** The section `config` of a sensor. */
export function configSection({ device, row }: Resource): Readonly<Record<string, unknown>> {
  const common = { on: true, reachable: isReachable(device) }
  if (row.kind === 'pir') return { duration: presenceSeconds, ...common }
  if (row.kind !== 'lux-meter') return common
  return { ...common, tholddark: darkUpTo, tholdoffset: daylightOffset }
}

function isReachable({ online, isKnown }: SeenDevice): boolean {
  return online !== false && isKnown
}

/**
 * The eight bytes of a ZigBee address, an endpoint and, of sensors, a cluster. The address comes from the
 * topic, so it is the same for ever.
 */
export function uniqueIdOf(resource: Resource): string {
  const { column } = resource
  const address = addressOf(resource)
  return column.cluster === undefined ? `${address}-01` : `${address}-01-${column.cluster}`
}

/** Of the device alone. */
export function addressOf({ device }: Pick<Resource, 'device'>): string {
  const bytes = createHash('sha256').update(device.topic).digest('hex').slice(0, 16)
  return bytes.replace(/..(?!$)/g, '$&:')
}

/** With milliseconds and without a Z, though it is UTC. */
function momentOf(atMs: number | undefined): string {
  return atMs === undefined ? 'none' : new Date(atMs).toISOString().slice(0, -1)
}

/** To the second, with a Z. */
export function secondUtcOf(atMs: number | undefined): string | null {
  return atMs === undefined ? null : `${new Date(atMs).toISOString().slice(0, 19)}Z`
}

/** To the minute, with a Z. */
export function minuteOf(atMs: number | undefined): string | null {
  return atMs === undefined ? null : `${new Date(atMs).toISOString().slice(0, 16)}Z`
}

interface GroupState {
  readonly all_on: boolean
  readonly any_on: boolean
}

/** The group of all lights that somebody may see. */
export function groupStateOf(lights: readonly Resource[]): GroupState {
  const on = lights.filter((light) => lightStateOf(light).on === true)
  return { all_on: lights.length > 0 && on.length === lights.length, any_on: on.length > 0 }
}

/**
 * Whether this is the group of all lights: its id is 0, and 65520 in events, by which some clients ask for it. It is
 * not among the groups, as of the original.
 */
export function isGroupOfAll(id: string | undefined): boolean {
  return id === '0' || id === groupOfAllId
}

/** The number of the group of all lights in events: so does the original. */
export const groupOfAllId = '65520'

/** The group of all lights, as GET answers it by this id. */
export function groupOfAll(id: string, lights: readonly Resource[]): Record<string, unknown> {
  const state = groupStateOf(lights)
  const ids = lights.map(({ device }) => String(device.number))
  const group = {
    action: { alert: 'none', effect: 'none', on: state.any_on, scene: null },
    devicemembership: [],
    hidden: false,
    id,
    lights: ids,
    lightsequence: [],
    multideviceids: [],
    name: 'All',
    scenes: [],
    state,
    type: 'LightGroup',
  }
  return { etag: etagOf(group), ...group }
}

/** What clients call devices, kept over a restart. */
export interface Names {
  /** Without a name of its own a device is called by its kind and address: `Relay i2c0-3b`. */
  of(resource: Resource): string
  /** Resolves when it is in the store. */
  set(topic: string, name: string): Promise<void>
  /** The device is gone. */
  forget(topic: string): void
}

const prefix = 'dialect/deconz/name/'

export async function openNames(store: ServedContext['store']): Promise<Names> {
  const names = new Map<string, string>()
  for await (const [key, value] of store.entries(prefix)) {
    names.set(key.slice(prefix.length), value.toString('utf8'))
  }
  return {
    of: (resource) => names.get(resource.device.topic) ?? givenName(resource.device, resource.row),
    set: async (topic, name) => {
      await store.write([{ key: prefix + topic, value: Buffer.from(name) }])
      names.set(topic, name)
    },
    forget: (topic) => {
      // Nobody waits for it, and one that stays names nothing.
      if (names.delete(topic)) void store.write([{ key: prefix + topic, value: undefined }])
    },
  }
}
