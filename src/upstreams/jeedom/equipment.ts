/** What the equipment of a Jeedom is here: commands belong together by their generic types, and by what they are linked to. */
import { HubError } from '../../core/errors.ts'
import { fieldOf, isRecord } from '../../core/json.ts'
import type { JeedomAction, ModelRow } from '../../dialects/model-row.ts'
import { modelTable } from '../../dialects/model-table.ts'
import { type DeviceKind, isDeviceKind } from '../../nodes/profiles/kinds.ts'
import { isOfUpstream } from '../../nodes/profiles/open-profile.ts'
import type { Ask, DeviceFacts, Report } from '../../nodes/profiles/profile.ts'

type Fields = Readonly<Record<string, unknown>>

/** What is executed: an action command, with its options. */
export interface Execution {
  readonly id: string
  readonly options: Fields
}

/** What an info command is of its device. */
export interface Info {
  read(value: unknown): Report
  /** As it is now. */
  readonly value: unknown
}

/** A device of the hub. */
export interface EquipmentPart {
  readonly id: string
  readonly facts: Omit<DeviceFacts, 'ask'>
  readonly isThere: boolean
  /** By the ids of the commands. */
  readonly infos: ReadonlyMap<string, Info>
  /**
   * What to execute for what is asked; undefined of what only reports.
   *
   * @throws HubError `bad-payload` for what it does not have.
   */
  readonly write?: (asked: Ask) => readonly Execution[]
}

/** Those of which one device has several commands. */
const composed: ReadonlySet<string> = new Set(['light', 'cover', 'climate', 'fan'])

/** These have a name of their own in Jeedom, which is told by others of the hub in another way. */
const ownKinds: ReadonlySet<string> = new Set(['led', 'display-oled', 'pir', 'push-button'])

const rows = modelTable.filter(({ kind }) => !ownKinds.has(kind))

/** Other names of what the table has. */
const alike: Readonly<Record<string, string>> = {
  LIGHT_STATE_BOOL: 'LIGHT_STATE',
  THERMOSTAT_TEMPERATURE: 'TEMPERATURE',
}

const rowByInfo = new Map<string, ModelRow>()
const actionByType = new Map<string, { readonly row: ModelRow; readonly action: JeedomAction }>()
for (const row of [...rows].reverse()) {
  const { genericType, actions = [] } = row.jeedom
  if (!genericType.startsWith('GENERIC_')) rowByInfo.set(genericType, row)
  for (const action of actions) {
    if (!action.genericType.startsWith('GENERIC_')) {
      actionByType.set(action.genericType, { row, action })
    }
  }
}

interface Draft {
  readonly kind: DeviceKind
  readonly part: string
  readonly name: string
  readonly about?: string
  readonly infos: Map<string, Info>
  /** What is executed for a value of a key. */
  readonly writes: Map<string, Write[]>
}

/** Returns the options for a value, undefined for one that another command is for. */
type Write = (value: unknown) => Execution | undefined

/** The devices that an equipment is, by `eqLogic` with its `cmds`. */
export function equipmentParts(equipment: unknown): EquipmentPart[] {
  if (!isRecord(equipment)) return []
  const { id: node, name, cmds, status, eqType_name: type, logicalId, isEnable } = equipment
  const isBack = type === 'clownhub' && isOfUpstream(String(logicalId))
  if (node === undefined || isBack || !Array.isArray(cmds) || Number(isEnable ?? 1) === 0) return []
  const drafts = new Map<string, Draft>()
  const commands = cmds.filter(isRecord)
  for (const command of commands) if (command['type'] === 'info') addInfo(drafts, command)
  for (const command of commands) if (command['type'] === 'action') addAction(drafts, command)
  const isThere = Number(fieldOf(status, 'timeout') ?? 0) !== 1
  return [...drafts.values()].map((draft) => finished(draft, { node: `${node}`, name, isThere }))
}

interface Owner {
  readonly node: string
  readonly name: unknown
  readonly isThere: boolean
}

function finished(draft: Draft, { node, name, isThere }: Owner): EquipmentPart {
  const { kind, part, infos, writes, about } = draft
  const isWhole = composed.has(kind)
  const called = isWhole ? String(name) : `${String(name)} ${draft.name}`
  const readable = new Set([...infos.values()].flatMap((info) => Object.keys(info.read('0'))))
  const isConfirmable = (asked: Ask) =>
    asked['state'] !== 'stop' && Object.keys(asked).every((key) => readable.has(key))
  const write = (asked: Ask) => Object.entries(asked).map((entry) => execution(writes, entry))
  return {
    id: `${node}/${kind}/${part}`,
    facts: {
      ...{ node, kind, part, name: called, isConfirmable },
      ...(about !== undefined && { about }),
      tolerance: { brightness: 1, position: 1, tilt: 1, speed: 1 },
    },
    ...{ isThere, infos },
    ...((writes.size > 0 || kind === 'button') && {
      write: kind === 'button' ? () => write({ press: true }) : write,
    }),
  }
}

function execution(writes: Draft['writes'], [key, value]: readonly [string, unknown]): Execution {
  for (const write of writes.get(key) ?? []) {
    const found = write(value)
    if (found !== undefined) return found
  }
  const known = [...writes.keys()].join(', ')
  throw new HubError(
    'bad-payload',
    `expected what can be asked for (${known}), got ${key} ${String(value)}`,
  )
}

function draftFor(drafts: Map<string, Draft>, about: Omit<Draft, 'infos' | 'writes'>): Draft {
  const key = composed.has(about.kind) ? about.kind : about.part
  const draft = drafts.get(key) ?? { ...about, infos: new Map(), writes: new Map() }
  drafts.set(key, draft)
  return draft
}

function addInfo(drafts: Map<string, Draft>, command: Fields): void {
  const { generic_type: generic, subType, name } = command
  const id = String(command['id'])
  const row = rowByInfo.get(alike[String(generic)] ?? String(generic))
  const kind = kindOf(row, subType)
  const about = row?.kind === '' && kind === 'binary-sensor' ? { about: row.key } : {}
  const part = composed.has(kind) ? '-' : id
  const draft = draftFor(drafts, { kind, part, name: String(name), ...about })
  const read = reader(row, command)
  draft.infos.set(id, { read, value: command['currentValue'] ?? command['state'] })
}

function kindOf(row: ModelRow | undefined, subType: unknown): DeviceKind {
  if (row !== undefined && isDeviceKind(row.kind)) return row.kind
  return subType === 'binary' ? 'binary-sensor' : 'sensor'
}

/** Jeedom says 0 and 1, as numbers or texts. */
function isSo(value: unknown): boolean {
  return value === true || Number(value) > 0
}

function reader(row: ModelRow | undefined, command: Fields): Info['read'] {
  const { subType, unite } = command
  const unit = typeof unite === 'string' && unite !== '' ? unite : null
  if (row === undefined) return plainReader(subType, unit)
  const read = row.form === 'number' ? numberReader(row, command) : rowReader(row, unit)
  // What nobody has said yet is an empty text.
  return (value) => (value === '' || value === null || value === undefined ? {} : read(value))
}

function rowReader({ key, form, kind, unit, jeedom }: ModelRow, told: string | null): Info['read'] {
  if (kind === 'lock') return (value) => ({ state: isSo(value) ? 'locked' : 'unlocked' })
  if (form === 'switch') {
    return (value) => (kind === '' ? detected(key, value) : { [key]: isSo(value) })
  }
  if (form === 'measured') {
    const ours = unit !== undefined && told === jeedom.unit ? unit : told
    return (value) => ({ [key]: [numberOf(value), ours] })
  }
  if (key === 'color') return (value) => ({ color: String(value).slice(1).toUpperCase() })
  return (value) => ({ [key]: String(value) })
}

function detected(key: string, value: unknown): Report {
  return { state: isSo(value), [key]: [isSo(value), null] }
}

function numberReader(row: ModelRow, command: Fields): Info['read'] {
  const full = fullOf(row, command)
  if (row.key !== 'position') return (value) => ({ [row.key]: percentOf(value, full) })
  return (value) => {
    const position = percentOf(value, full)
    return { position, state: position === 0 ? 'closed' : 'open' }
  }
}

function plainReader(subType: unknown, unit: string | null): Info['read'] {
  if (subType === 'binary') return (value) => ({ state: isSo(value) })
  if (subType === 'numeric') return (value) => ({ value: [numberOf(value), unit] })
  return (value) => ({ value: [String(value), unit] })
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) ? number : null
}

/** What is all of a percentage; null of what is none. */
function fullOf({ unit }: ModelRow, { configuration }: Fields): number | null {
  if (unit !== '%') return null
  return Number(fieldOf(configuration, 'maxValue')) || 100
}

function percentOf(value: unknown, full: number | null): number | null {
  const number = numberOf(value)
  return number === null || full === null ? number : Math.round((number * 100) / full)
}

function addAction(drafts: Map<string, Draft>, command: Fields): void {
  const { generic_type: generic, subType, value: linked } = command
  const id = String(command['id'])
  const known = actionByType.get(String(generic))
  if (known === undefined) {
    addPlainAction(drafts, command)
    return
  }
  const { row, action } = known
  const kind = kindOf(row, subType)
  const part = composed.has(kind) ? '-' : linkedPart(drafts, kind, linked)
  const draft = draftFor(drafts, { kind, part, name: String(command['name']) })
  const full = fullOf(row, command)
  add(draft, row.key, (value) => {
    if (action.asks === undefined) return { id, options: optionsFor(subType, { value, full }) }
    return value === action.asks ? { id, options: {} } : undefined
  })
}

/** The device of the info command that an action is linked to; of an action that is linked to none, the first of its kind. */
function linkedPart(drafts: Map<string, Draft>, kind: DeviceKind, linked: unknown): string {
  const id = String(linked ?? '')
  if (drafts.has(id)) return id
  return [...drafts.values()].find((draft) => draft.kind === kind)?.part ?? '-'
}

const kindBySubType: Readonly<Record<string, DeviceKind>> = {
  slider: 'number',
  select: 'select',
  message: 'text',
  color: 'text',
}

/** What has no generic type is a thing of its own, by what it takes; what it is linked to says how it is. */
function addPlainAction(drafts: Map<string, Draft>, command: Fields): void {
  const { subType, name, value: linked } = command
  const id = String(command['id'])
  const kind = kindBySubType[String(subType)] ?? 'button'
  const draft = draftFor(drafts, { kind, part: id, name: String(name) })
  const key = kind === 'button' ? 'press' : 'value'
  add(draft, key, (value) => ({ id, options: optionsFor(subType, { value, full: null }) }))
  const shown = drafts.get(String(linked ?? ''))?.infos.get(String(linked))
  if (shown === undefined || kind === 'button') return
  const read = (value: unknown) => ({ value: kind === 'number' ? numberOf(value) : String(value) })
  draft.infos.set(String(linked), { read, value: shown.value })
}

function add({ writes }: Draft, key: string, write: Write): void {
  writes.set(key, [...(writes.get(key) ?? []), write])
}

/** The options of an action, by its subtype. */
function optionsFor(
  subType: unknown,
  { value, full }: { readonly value: unknown; readonly full: number | null },
): Fields {
  switch (subType) {
    case 'slider':
      return { slider: full === null ? value : Math.round((Number(value) * full) / 100) }
    case 'color':
      return { color: `#${String(value).toLowerCase()}` }
    case 'select':
      return { select: value }
    case 'message':
      return { title: '', message: value }
    default:
      return {}
  }
}
