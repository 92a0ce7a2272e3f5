/** Devices of the hub as lights and sensors of deCONZ. */
import { createHash } from 'node:crypto'
import { isOfUpstream } from '../../nodes/profiles/open-profile.ts'
import type { SeenDevice } from '../../nodes/served/seen-devices.ts'
import { type EventMemory, presenceSeconds } from '../event-memory.ts'
import {
  choicesOf,
  type DeconzColumn,
  givenName,
  type ModelRow,
  readQuantity,
} from '../model-row.ts'
import { rowsFor } from '../model-table.ts'
import type { ServedContext } from '../served-dialect.ts'
import { actuatorOf, effectsOf, thermostatConfig } from './actuators.ts'
import { etagOf } from './answers.ts'

/** What deCONZ has something like: a device that can be commanded, or something that a device tells. */
export interface Resource {
  /** A number as a text: its own for ever. */
  readonly id: string
  readonly device: SeenDevice
  readonly row: ModelRow
  readonly column: DeconzColumn
  /** All that the device has. */
  readonly rows: readonly ModelRow[]
}

/** Who is said to have made what the hub has from a system that it dials: two hubs that dial each other look for it. */
export const hubOfUpstreams = 'Clown.Hub upstreams'

/** Past the numbers of devices: what a device tells besides what it is has an id that is made of both. */
const idsPerSlot = 1_000_000_000

export function resourcesOf(device: SeenDevice): Resource[] {
  const rows = rowsFor(device)
  return rows.flatMap((row) => {
    const { deconz: column, kind, slot } = row
    if (column === undefined) return []
    const id = String(device.number + (kind === '' ? slot * idsPerSlot : 0))
    return { id, device, row, column, rows }
  })
}

/** The number of the device whose resource has the id `id`. */
export function deviceNumberOf(id: string): number {
  return Number(id) % idsPerSlot
}

/** What goes with all lights. */
export function lightsAmong(devices: readonly SeenDevice[]): Resource[] {
  return devices.flatMap(resourcesOf).filter(isInGroupOfAll)
}

export function isInGroupOfAll(resource: Resource): boolean {
  return resource.column.resource === 'lights' && actuatorOf(resource)?.isInGroup === true
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
    manufacturername: isOfUpstream(device.topic) ? hubOfUpstreams : 'Clown.Hub',
    modelid: device.kind,
    name: parts.nameOf(resource),
    state: stateSection(resource, parts.memory),
    swversion: null,
    type: actuatorOf(resource)?.typeOf?.(resource) ?? column.type,
    uniqueid: uniqueIdOf(resource),
  }
  const own =
    column.resource === 'lights'
      ? { hascolor: hasColor(resource), lastannounced: null, ...capabilitiesOf(resource) }
      : { config: configSection(resource), ep: 1 }
  return { etag: etagOf([common, own]), ...own, ...common }
}

function hasColor({ rows }: Resource): boolean {
  return rows.some(({ key }) => key === 'color' || key === 'color-temp')
}

/** In mired, as most lamps have it. */
const temperatures = { ctmin: 153, ctmax: 500 }

function capabilitiesOf({ row, rows }: Resource) {
  if (row.form === 'choice' && row.kind === 'led') {
    return { capabilities: { color: { effects: ['none', ...effectsOf(choicesOf(row))] } } }
  }
  return rows.some(({ key }) => key === 'color-temp') ? temperatures : {}
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
function lightStateOf(resource: Resource) {
  const state = actuatorOf(resource)?.stateOf(resource)
  return { alert: 'none', reachable: isReachable(resource.device), ...state }
}

/** Whether a light is on; null when that is not known. */
export function isLightOn(light: Resource): boolean | null {
  const { on } = { on: null, ...actuatorOf(light)?.stateOf(light) }
  return typeof on === 'boolean' ? on : null
}

/** What a sensor says of the world; null before its first report. */
function readingsOf(resource: Resource, memory: ResourceParts['memory']) {
  const { device, row, column } = resource
  const actuator = actuatorOf(resource)
  if (actuator !== undefined) return actuator.stateOf(resource)
  if (row.kind === 'pir') return { [column.item]: memory.isPresent(device.number) }
  if (isButton(resource)) return { [column.item]: memory.buttonEvent(device.number) }
  const value = readQuantity(row, device.value)
  if (row.form === 'switch') return { [column.item]: value ?? null }
  const ours = typeof value === 'number' ? value : null
  const theirs = (ours === null ? undefined : column.toTheirs?.(ours)) ?? null
  return { [column.item]: theirs, ...besides[column.item]?.(ours, theirs) }
}

/** The original's own thresholds, in the measure of `lightlevel`. */
const darkUpTo = 12_000
const daylightOffset = 7000

/** What stands beside some items, from our measure and theirs; all null before the first report. */
const besides: Readonly<Record<string, (ours: number | null, theirs: number | null) => object>> = {
  lightlevel: (lux, lightLevel) => ({
    dark: lightLevel === null ? null : lightLevel <= darkUpTo,
    daylight: lightLevel === null ? null : lightLevel >= darkUpTo + daylightOffset,
    lux: lux === null ? null : Math.round(lux),
  }),
  airqualityppb: (ppm) => ({ airquality: ppm === null ? null : airQualityOf(ppm) }),
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
export function configSection(resource: Resource): Readonly<Record<string, unknown>> {
  const { device, row, column } = resource
  const common = { on: true, reachable: isReachable(device) }
  if (row.kind === 'climate') return { ...common, ...thermostatConfig(resource) }
  if (row.kind === 'pir') return { duration: presenceSeconds, ...common }
  if (column.item !== 'lightlevel') return common
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
  const bytes = createHash('sha256').update(device.firstTopic).digest('hex').slice(0, 16)
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
  const on = lights.filter((light) => isLightOn(light) === true)
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
  const ids = lights.map(({ id }) => id)
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

/** What clients call sensors that are not all of their devices, kept over a restart. */
export interface Names {
  /** What its device is called, and without that by its kind and address: `Relay i2c0-3b`. */
  of(resource: Resource): string
  /** Resolves when it is in the store. */
  set(resource: Resource, name: string): Promise<void>
  /** The device is gone. */
  forget(resource: Resource): void
}

/** Whether a resource is what its device is, and not what that tells besides: it is called as the device is. */
export function isWholeDevice({ row }: Resource): boolean {
  return row.kind !== ''
}

const prefix = 'dialect/deconz/name/'

/** No topic of a device has a `#`: what it tells besides has a name of its own. */
function nameKey(resource: Resource): string {
  const { device, row } = resource
  return isWholeDevice(resource) ? device.firstTopic : `${device.firstTopic}#${row.key}`
}

export async function openNames(store: ServedContext['store']): Promise<Names> {
  const names = new Map<string, string>()
  for await (const [key, value] of store.entries(prefix)) {
    names.set(key.slice(prefix.length), value.toString('utf8'))
  }
  return {
    of: (resource) => {
      const { device, row } = resource
      // What it is called elsewhere, too, goes before what only clients of this language have called it.
      const title = isWholeDevice(resource) ? device.title : undefined
      return title ?? names.get(nameKey(resource)) ?? givenName(device, row)
    },
    set: async (resource, name) => {
      const key = nameKey(resource)
      await store.write([{ key: prefix + key, value: Buffer.from(name) }])
      names.set(key, name)
    },
    forget: (resource) => {
      const key = nameKey(resource)
      // Nobody waits for it, and one that stays names nothing.
      if (names.delete(key)) void store.write([{ key: prefix + key, value: undefined }])
    },
  }
}
