/** The house as Jeedom has it: rooms are objects, and nodes where nobody has said where their devices are, devices equipment, quantities and switches commands. */
import type { Release } from '../../core/release.ts'
import { isOfUpstream } from '../../nodes/profiles/open-profile.ts'
import { type SeenDevice, type Together, whereOf } from '../../nodes/served/seen-devices.ts'
import {
  choicesOf,
  givenName,
  isOn,
  type JeedomAction,
  type JeedomColumn,
  type ModelRow,
  readQuantity,
} from '../model-row.ts'
import { modelTable, rowsFor } from '../model-table.ts'

/** A quantity of a device: an info command. */
interface InfoCommand {
  readonly id: string
  readonly device: SeenDevice
  readonly row: ModelRow
  readonly column: JeedomColumn
}

/** What a device can be told: an action command. */
export interface ActionCommand extends InfoCommand {
  readonly action: JeedomAction
  /** The id of the info command that shows what became of it. */
  readonly infoId: string
}

export type JeedomCommand = InfoCommand | ActionCommand

/** So many ids belong to a device: for each quantity one for what it says, and one for each of its actions. */
const idsPerDevice = 4096
const idsPerRow = 8

function idOf({ number }: SeenDevice, { slot }: ModelRow, action = 0): string {
  return String(number * idsPerDevice + slot * idsPerRow + action)
}

/** The number of the device whose command has the id `id`; undefined when that is none. */
export function numberOf(id: unknown): number | undefined {
  return /^[1-9]\d{0,14}$/.test(String(id)) ? Math.floor(Number(id) / idsPerDevice) : undefined
}

/** A quantity, also one of which nothing is ever told. */
function quantitiesOf(device: SeenDevice): InfoCommand[] {
  return rowsFor(device).map((row) => {
    return { id: idOf(device, row), device, row, column: row.jeedom }
  })
}

/** The quantities of a device that say something; none of a kind that the table does not have. */
export function infosOf(device: SeenDevice): InfoCommand[] {
  return quantitiesOf(device).filter(({ column }) => column.subType !== undefined)
}

export function commandsOf(device: SeenDevice): JeedomCommand[] {
  return [...infosOf(device), ...quantitiesOf(device).flatMap(actionsOf)]
}

function actionsOf(info: InfoCommand): ActionCommand[] {
  const { actions = [], subType } = info.column
  return actions.map((action, at) => ({
    ...info,
    id: idOf(info.device, info.row, at + 1),
    // What says nothing shows nothing of what became of it.
    infoId: subType === undefined ? '' : info.id,
    action,
  }))
}

/** What an info command shows: numbers, 0 and 1, or texts; the empty text before the first report. */
export function readingOf({ row, column, device }: InfoCommand): number | string {
  const value = readQuantity(row, device.value) ?? ''
  if (value === '') return value
  if (column.subType === 'binary' || typeof value === 'boolean') return Number(isOn(row, value))
  // As pages write colours.
  return row.key === 'color' ? `#${value}` : value
}

/** When a value came, and when another one came before it; by `Clock.wallMs`. */
export interface Dates {
  readonly collectedAtMs: number | undefined
  readonly changedAtMs: number | undefined
}

/** The longest value that Jeedom tells. */
const longestValue = 3096

export function shownValue(value: number | string): number | string {
  return typeof value === 'string' ? value.slice(0, longestValue) : value
}

/** In the local time of the hub; empty of what never happened. */
export function localDate(atMs: number | undefined): string {
  if (atMs === undefined) return ''
  const offsetMs = new Date(atMs).getTimezoneOffset() * 60_000
  return new Date(atMs - offsetMs).toISOString().slice(0, 19).replace('T', ' ')
}

/** Whose equipment it is, as Jeedom calls its plugins. */
export const equipmentType = 'clownhub'

/** What every part of the house has. */
const plain = { configuration: {}, display: {}, isVisible: '1', order: '0' } as const

/** A command as `cmd::byId` tells it. */
export function describeCommand(
  command: JeedomCommand,
  dates: (id: string) => Dates,
): Record<string, unknown> {
  const common = {
    ...plain,
    eqType: equipmentType,
    id: command.id,
    eqLogic_id: String(command.device.number),
  }
  if ('action' in command) return { ...common, ...describeAction(command) }
  const { row, column } = command
  const { collectedAtMs, changedAtMs } = dates(command.id)
  const value = shownValue(readingOf(command))
  return {
    ...common,
    collectDate: localDate(collectedAtMs),
    currentValue: value,
    generic_type: column.genericType,
    // Numbers are in the history of the hub; clients ask for a chart only where it says so.
    isHistorized: column.subType === 'string' || row.form === 'choice' ? '0' : '1',
    logicalId: row.key,
    name: row.title,
    state: value,
    subType: column.subType,
    type: 'info',
    unite: column.unit ?? '',
    unit: column.unit ?? '',
    value: null,
    valueDate: localDate(changedAtMs),
  }
}

function describeAction({ action, row, infoId }: ActionCommand) {
  const { name, subType, genericType, range } = action
  const choices = choicesOf(row).map((choice) => `${choice}|${choice}`)
  return {
    configuration: {
      ...(subType === 'select' && { listValue: choices.join(';') }),
      ...(range && { minValue: String(range[0]), maxValue: String(range[1]) }),
    },
    generic_type: genericType,
    isHistorized: '0',
    logicalId: `${row.key}-${name.toLowerCase()}`,
    name,
    subType,
    type: 'action',
    unite: '',
    unit: '',
    value: infoId,
  }
}

/** Equipment as `eqLogic::all` tells it. */
export function describeEquipment(device: SeenDevice, title: ModelRow): Record<string, unknown> {
  const { number, topic, name, online, isKnown, heardAtMs } = device
  return {
    ...plain,
    category: {},
    comment: '',
    eqType_name: equipmentType,
    generic_type: '',
    id: String(number),
    isEnable: '1',
    // By which a hub that brings this one in knows what is none of its own.
    logicalId: isOfUpstream(topic) ? topic : name,
    name: givenName(device, title),
    object_id: String(whereOf(device).number),
    status: {
      lastCommunication: localDate(heardAtMs),
      timeout: online === false || !isKnown ? 1 : 0,
    },
    tags: '',
  }
}

/** A room, or a node, as `object::full` tells it, without its equipment. */
export function describeObject(devices: Together): Record<string, unknown> {
  const { number, name } = whereOf(devices[0])
  return {
    ...plain,
    configuration: { summary: summaryCommands(devices) },
    father_id: null,
    id: String(number),
    image: {},
    name,
    position: '0',
  }
}

/** Which commands go into which summary, as Jeedom writes it down: by key, ids between signs of number. */
function summaryCommands(devices: Together): Record<string, unknown> {
  const commands = new Map<string, unknown[]>()
  for (const { id, column } of devices.flatMap(infosOf)) {
    if (column.summary === undefined) continue
    const { key } = column.summary
    const command = { cmd: `#${id}#`, enable: '1', invert: '0' }
    const known = commands.get(key)
    if (known === undefined) commands.set(key, [command])
    else known.push(command)
  }
  return Object.fromEntries(commands)
}

// --- summaries of an object, and of the whole house ---

/** Values by key, such as `temperature`. */
type Summary = Readonly<Record<string, number>>

/** A summary, and the topics of the devices that it tells of. */
export interface Summed {
  readonly summary: Summary
  readonly topics: readonly string[]
}

/** A summary of some devices, and what went into it. */
interface Summarized {
  readonly value: number
  readonly values: readonly number[]
}

/** The summaries of `devices` by key; those of which nothing is known yet are left out. */
export function summarized(devices: readonly SeenDevice[]): ReadonlyMap<string, Summarized> {
  const all = new Map<string, { of: string; values: number[] }>()
  for (const { of, key, value } of devices.flatMap(summaryParts)) {
    const known = all.get(key)
    if (known === undefined) all.set(key, { of, values: [value] })
    else known.values.push(value)
  }
  return new Map(
    [...all].map(([key, { of, values }]) => [key, { value: summed(of, values), values }]),
  )
}

/** What a device adds to which summaries. */
function summaryParts(device: SeenDevice) {
  return infosOf(device).flatMap((info) => {
    const { summary } = info.column
    const value = readingOf(info)
    if (summary === undefined || value === '') return []
    return { ...summary, value: typeof value === 'number' ? value : Number(isOn(info.row, value)) }
  })
}

export function summedUp(devices: readonly SeenDevice[]): Summed {
  const pairs = [...summarized(devices)].map(([key, { value }]) => [key, value] as const)
  const topics = devices.flatMap((device) => summaryParts(device).map(() => device.topic))
  return { summary: Object.fromEntries(pairs), topics }
}

/** Averages have one digit behind the point. */
function summed(of: string, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  return of === 'average' ? Math.round((sum / values.length) * 10) / 10 : sum
}

// --- what the box is ---

/** The version of the core whose answers these are. */
export const coreVersion = '4.5.3'

const hubName = 'Clown.Hub'

/** What `config::byKey` may be asked for; whatever else is as if nobody had set it. */
export function configurationOf(params: Readonly<Record<string, unknown>>): unknown {
  const { key, plugin = 'core', default: otherwise = '' } = params
  const known = new Map<unknown, unknown>([
    ['name', hubName],
    ['version', coreVersion],
    ['language', 'fr_FR'],
    ['timezone', Intl.DateTimeFormat().resolvedOptions().timeZone],
    ['object:summary', summaryDefinitions()],
  ])
  return plugin === 'core' ? (known.get(key) ?? otherwise) : otherwise
}

/** The summaries that there can be, as Jeedom writes down how they are made. */
function summaryDefinitions(): Record<string, unknown> {
  const definitions = modelTable.flatMap(({ title, jeedom: { summary, unit = '' } }) => {
    if (summary === undefined) return []
    const isAverage = summary.of === 'average'
    const made = { calcul: isAverage ? 'avg' : 'sum', count: isAverage ? '' : 'binary' }
    return [[summary.key, { key: summary.key, name: title, icon: '', unit, ...made }] as const]
  })
  return Object.fromEntries(definitions)
}

const plugin = {
  id: equipmentType,
  name: hubName,
  description: 'Relais, capteurs et lampes de Clown.Hub',
  author: hubName,
  license: 'MIT',
  category: 'automation protocol',
  hasDependency: 0,
  hasOwnDeamon: 0,
  isActive: 1,
}

/** `plugin::listPlugin`: the one that all equipment is of; Jeedom spells the parameter like that. */
export function plugins({ orderByCaterogy }: Readonly<Record<string, unknown>>): unknown {
  return Number(orderByCaterogy) === 1 ? { [plugin.category]: [plugin] } : [plugin]
}

/** `update::all`: what is installed; the hub looks for no other version of itself. */
export function updatesOf({ version }: Release): Record<string, unknown>[] {
  const installed = [
    ['core', 'jeedom', coreVersion],
    ['plugin', equipmentType, version],
  ] as const
  return installed.map(([type, name, installedVersion], at) => ({
    id: String(at + 1),
    type,
    name,
    logicalId: name,
    localVersion: installedVersion,
    remoteVersion: installedVersion,
    source: '',
    status: 'ok',
    configuration: {},
  }))
}
