/** What people call devices, and where they are: kept by the hub, so that every page and program shows the same. */
import { rightsOf } from '../../access/rights.ts'
import type { User } from '../../access/user.ts'
import { createListeners } from '../../core/callbacks.ts'
import { HubError, quote } from '../../core/errors.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { isFitName } from '../../core/topic.ts'
import type { LabelRequest } from '../../generated/label.ts'
import type { LabelEntry } from '../../generated/stored.ts'
import { validateLabelEntry } from '../../generated/validate-stored.js'
import type { Store } from '../../store/store.ts'
import { openStoredTable, type ShareTable, sharedBy } from '../../store/stored-table.ts'
import { commandTopic } from '../device.ts'

/** What people call a device, and where it is: of a device that nobody has named, what it calls itself. */
export type DeviceLabel = Readonly<LabelEntry>

/** What devices call themselves. */
export interface OwnTitles {
  of(device: string): string | undefined
  /** Calls `listener` with each device that calls itself something else now. */
  onChange(listener: (device: string) => void): () => void
}

export interface DeviceLabels {
  /** What people call it, or else what it calls itself, and where it is. */
  of(device: string): DeviceLabel
  /**
   * Changes the label of a device that is known as `user` wants it: what is null is taken away. Resolves with the label
   * once it outlives the hub.
   *
   * @throws HubError `forbidden` unless the user is an operator or an admin, and may command what is to be turned off after
   * some time; `unknown-device` for what the user may
   * not read, too; `bad-payload` for a text that cannot be shown; `cannot-write-store`.
   */
  change(user: User, request: LabelRequest): Promise<LabelAnswer>
  /** What people have said of one device holds for another one, and not for the first any more; returns whether there was any. */
  move(from: string, to: string): boolean
  /** Nobody has said anything of the device; returns whether somebody had. */
  forget(device: string): boolean
  /** Whether any device is in this room. */
  isRoom(room: string): boolean
  /** Calls `listener` with each device whose label is another one now; the returned function ends that. */
  onChange(listener: (device: string) => void): () => void
}

interface LabelAnswer extends DeviceLabel {
  readonly device: string
}

interface LabelsOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  readonly ownTitles: OwnTitles
  /** So many devices can be known at once, and have one; those that are gone keep theirs while there is room. */
  readonly most: number
  /** Whether there is such a device. */
  isKnown(device: string): boolean
  readonly share?: ShareTable | undefined
}

export async function openDeviceLabels(options: LabelsOptions): Promise<DeviceLabels> {
  const { most, ownTitles, isKnown, share, ...rest } = options
  const changes = createListeners<[device: string]>()
  ownTitles.onChange(changes.tell)
  const labels = await openStoredTable<Readonly<LabelEntry>>({
    ...rest,
    ...sharedBy(share, changes.tell),
    name: 'label',
    maxSize: most,
    validate: validateLabelEntry,
  })
  const of = (device: string): DeviceLabel => {
    const title = ownTitles.of(device)
    return { ...(title !== undefined && { title }), ...labels.get(device) }
  }
  const makeRoom = () => {
    if (labels.size < most) return
    const [gone] = [...labels.entries()].find(([device]) => !isKnown(device)) ?? []
    if (gone !== undefined) labels.delete(gone)
  }
  const keep = (device: string, label: LabelEntry) => {
    if (Object.keys(label).length === 0) labels.delete(device)
    else labels.set(device, label)
    changes.tell(device)
  }
  return {
    of,
    isRoom: (room) => [...labels.entries()].some(([, label]) => label.room === room),
    onChange: changes.add,
    move: (from, to) => {
      const label = labels.get(from)
      if (label === undefined) return false
      keep(from, {})
      keep(to, { ...labels.get(to), ...label })
      return true
    },
    forget: (device) => {
      const isThere = labels.get(device) !== undefined
      if (isThere) keep(device, {})
      return isThere
    },
    change: async (user, { device, ...change }) => {
      checkRole(user)
      if (!isKnown(device) || !rightsOf(user).mayRead(device)) {
        const expected = 'expected a device that is known and that you may read'
        throw new HubError('unknown-device', `${expected}, got ${quote(device)}`)
      }
      if (change.autoOffSeconds !== undefined) checkCommand(user, device)
      if (labels.get(device) === undefined) makeRoom()
      keep(device, changed({ ...labels.get(device) }, change))
      await labels.stored()
      return { device, ...of(device) }
    },
  }
}

function checkRole({ role = 'none' }: User): void {
  if (role === 'operator' || role === 'admin') return
  throw new HubError('forbidden', `expected a user of role operator or admin, got ${role}`)
}

function checkCommand(user: User, device: string): void {
  const { allowed, reason } = rightsOf(user).may('command', commandTopic(device))
  if (!allowed)
    throw new HubError('forbidden', `expected a right to command it, got none: ${reason}`)
}

/** @throws HubError `bad-payload` */
function changed(before: LabelEntry, change: Omit<LabelRequest, 'device'>): LabelEntry {
  const told = Object.entries(change).map(([key, value]) => [key, shownText(key, value)])
  const all = Object.entries({ ...before, ...Object.fromEntries(told) })
  return Object.fromEntries(all.filter(([, value]) => value !== null))
}

function shownText(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  const text = value.trim()
  if (text !== '' && isFitName(text)) return text
  throw new HubError('bad-payload', `expected ${key} to be a text to be read, got ${quote(value)}`)
}
