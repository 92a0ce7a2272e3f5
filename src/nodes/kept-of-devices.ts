/** All that the hub keeps of a device, wherever that is: what goes to its spare part, and what is removed for good. */
import { rightsOf } from '../access/rights.ts'
import type { User, UserDirectory } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import { HubError, quote } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import { Payload } from '../core/payload.ts'
import type { History } from '../history/history.ts'
import type { AuditLog } from './commands/audit-log.ts'
import type { CommandRecords } from './commands/command-records.ts'
import { commandTopic, deviceOf, isDevice } from './device.ts'
import type { LastValues } from './last-values.ts'
import type { DeviceLabels } from './registry/device-labels.ts'
import type { Registry } from './registry/registry.ts'
import type { RelayGuard } from './relay-guard/relay-guard.ts'
import type { Replacements } from './relay-guard/replacements.ts'

/** What went from a device to its spare part. */
interface Replaced {
  readonly old: string
  readonly new: string
  /** So many quantities. */
  readonly series: number
  readonly label: boolean
  readonly lock: boolean
  /** The names of users who may read or command less of it than of the old one: rights are by topic. */
  readonly fewerRights: readonly string[]
}

/** What was removed of a device. */
interface ForgottenDevice {
  readonly device: string
  readonly series: number
  readonly label: boolean
  readonly lock: boolean
  readonly autoOff: boolean
  /** Whether it was among those that are known, with a last value. */
  readonly known: boolean
  /** So many commands in the log of commands. */
  readonly commands: number
}

/** What was removed of all that a user told, and of what that user commanded. */
interface ForgottenReports {
  /** So many devices. */
  readonly devices: number
  readonly series: number
  /** So many devices had a name or a room. */
  readonly labels: number
  /** So many commands by that user, or to these devices. */
  readonly commands: number
}

/** What one of several hubs has done with what it keeps, and the others do with theirs. */
type DoneOfKept =
  | { readonly what: 'replaced'; readonly old: string; readonly new: string }
  | { readonly what: 'forgotten'; readonly device: string }
  | {
      readonly what: 'reports-forgotten'
      readonly user: string
      readonly topics: readonly string[]
    }

export interface KeptOfDevices {
  /**
   * The history, the label, the rules, the lock and the auto-off of a broken device go to its spare part, which is known
   * and of the same kind.
   *
   * @throws HubError `unknown-device`, `bad-topic`, also for what the user may not read.
   */
  replace(user: User, devices: { readonly old: string; readonly new: string }): Promise<Replaced>
  /** Calls `act` with each device and its spare part; what is replaced waits for that. */
  onReplaced(act: (old: string, spare: string) => Promise<void>): void
  /**
   * Removes all that is kept of a device. One that reports again is a new one.
   *
   * @throws HubError `unknown-device` when nothing is kept of it; `bad-topic`, also for what the user may not read.
   */
  forget(user: User, device: string): Promise<ForgottenDevice>
  /**
   * Removes all that is kept of each device that was told of by the user with this name, and that user's commands.
   * `retained` are topics with what the bus keeps of that user.
   */
  forgetReportsOf(user: string, retained: readonly string[]): Promise<ForgottenReports>
  /** Does what another hub has told of. */
  follow(told: unknown): Promise<void>
}

export interface KeptParts {
  readonly bus: Pick<Bus, 'publish'>
  readonly users: Pick<UserDirectory, 'all'>
  readonly history: Pick<History, 'move' | 'forget' | 'topicsOf'>
  readonly labels: Pick<DeviceLabels, 'move' | 'forget'>
  readonly registry: Pick<Registry, 'device' | 'devicesBelow'>
  readonly values: Pick<LastValues, 'topicsOf'>
  readonly relayGuard: Pick<RelayGuard, 'replaced' | 'forget' | 'lockOuts'>
  readonly replacements: Pick<Replacements, 'add' | 'forget'>
  readonly commandRecords: Pick<CommandRecords, 'forget'>
  readonly auditLog: Pick<AuditLog, 'forget'>
  /** Learns from what has arrived. */
  settle(): void
  /** Resolves when all that was changed so far outlives the hub. */
  stored(): Promise<void>
  /** Tells other hubs, where there are some. */
  tell(done: DoneOfKept): void
}

export function createKeptOfDevices(parts: KeptParts): KeptOfDevices {
  const followers: Parameters<KeptOfDevices['onReplaced']>[0][] = []
  // What is retained on the bus was taken away by the hub that tells of it, and may be there anew.
  const following = { ...parts, bus: { publish: () => {} } }
  const replaceAll = async (old: string, spare: string) => {
    const replaced = moveKept(old, spare, parts)
    await Promise.all(followers.map((act) => act(old, spare)))
    await parts.stored()
    return replaced
  }
  const forgetAll = async (device: string, by = parts) => {
    const kept = await forgetKept(device, by)
    const commands = await parts.auditLog.forget((command) => command.device === device)
    await parts.stored()
    return { device, ...kept, commands }
  }
  return {
    onReplaced: (act) => followers.push(act),
    replace: async (user, { old, new: spare }) => {
      checkReadable(user, [old, spare])
      parts.settle()
      checkSpare(old, spare, parts.registry)
      const replaced = await replaceAll(old, spare)
      parts.tell({ what: 'replaced', old, new: spare })
      const fewerRights = whoMayLess(old, spare, parts.users.all())
      return { old, new: spare, ...replaced, fewerRights }
    },
    forget: async (user, device) => {
      checkReadable(user, [device])
      parts.settle()
      const removed = await forgetAll(device)
      parts.tell({ what: 'forgotten', device })
      if (Object.values(removed).some((each) => each !== device && Boolean(each))) return removed
      const expected = 'expected a device of which something is kept'
      throw new HubError('unknown-device', `${expected}, got ${quote(device)}`)
    },
    forgetReportsOf: async (user, retained) => {
      parts.settle()
      const topics = topicsOf(user, retained, parts)
      const removed = await forgetReports(user, topics, parts)
      parts.tell({ what: 'reports-forgotten', user, topics })
      return removed
    },
    follow: async (told) => {
      parts.settle()
      const done = doneIn(told)
      if (done?.what === 'replaced') await replaceAll(done.old, done.new)
      else if (done?.what === 'forgotten') await forgetAll(done.device, following)
      else if (done !== undefined) {
        await forgetReports(done.user, topicsOf(done.user, done.topics, parts), following)
      }
    },
  }
}

/** Undefined for what no hub of this release tells. */
function doneIn(told: unknown): DoneOfKept | undefined {
  if (!isRecord(told)) return undefined
  const { what, old, new: spare, device, user, topics } = told
  if (what === 'replaced' && isText(old) && isText(spare)) return { what, old, new: spare }
  if (what === 'forgotten' && isText(device)) return { what, device }
  const isList = Array.isArray(topics) && topics.every(isText)
  return what === 'reports-forgotten' && isText(user) && isList ? { what, user, topics } : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function moveKept(
  old: string,
  spare: string,
  { replacements, relayGuard, labels, history }: KeptParts,
): Pick<Replaced, 'lock' | 'label' | 'series'> {
  replacements.add(spare, old)
  const lock = relayGuard.replaced(old, spare)
  return { lock, label: labels.move(old, spare), series: history.move(old, spare) }
}

/** All that a user has told of. */
function topicsOf(user: string, retained: readonly string[], parts: KeptParts): string[] {
  const known = parts.registry.devicesBelow('').filter(({ owner }) => owner === user)
  const told = [...retained, ...parts.history.topicsOf(user), ...parts.values.topicsOf(user)]
  return [...new Set([...told, ...known.map(({ topic }) => topic)])]
}

async function forgetReports(
  user: string,
  topics: readonly string[],
  parts: KeptParts,
): Promise<ForgottenReports> {
  const removed: Kept[] = []
  for (const topic of topics) removed.push(await forgetKept(topic, parts))
  const devices = new Set(topics)
  const commands = await parts.auditLog.forget(
    (command) => command.user === user || devices.has(command.device),
  )
  await parts.stored()
  return {
    devices: removed.filter((each) => each.known).length,
    series: removed.reduce((sum, each) => sum + each.series, 0),
    labels: removed.filter(({ label }) => label).length,
    commands,
  }
}

type Kept = Omit<ForgottenDevice, 'device' | 'commands'>

/** Removes what is kept of a device, but for the log of commands: that is read once for all. */
async function forgetKept(device: string, parts: KeptParts): Promise<Kept> {
  const known = parts.registry.device(device) !== undefined
  // [MQTT-3.3.1-10] What takes a value away takes the device away, and its last value.
  const nothing = new Payload(Buffer.alloc(0))
  parts.bus.publish({ topic: device, payload: nothing, qos: 0, retain: true })
  parts.settle()
  parts.replacements.forget(device)
  parts.commandRecords.forget(device)
  const guarded = parts.relayGuard.forget(device)
  const label = parts.labels.forget(device)
  return { known, series: await parts.history.forget(device), label, ...guarded }
}

/** Nobody gets a right by a change of hardware: who runs the hub has to know. */
function whoMayLess(old: string, spare: string, users: readonly User[]): string[] {
  const rightsTo = (user: User, device: string) => {
    const { mayRead, mayPublish } = rightsOf(user)
    return Number(mayRead(device)) + Number(mayPublish(commandTopic(device), false).allowed)
  }
  const less = users.filter((user) => rightsTo(user, spare) < rightsTo(user, old))
  return less.map(({ name }) => name)
}

/** @throws HubError `bad-topic` */
function checkReadable(user: User, devices: readonly string[]): void {
  for (const device of devices) {
    if (isDevice(device) && rightsOf(user).mayRead(device)) continue
    const expected = 'a device that you may read, as its topic without /set'
    throw new HubError('bad-topic', `expected ${expected}, got ${quote(device)}`)
  }
}

/** @throws HubError `unknown-device`, `bad-topic` */
function checkSpare(old: string, spare: string, registry: KeptParts['registry']): void {
  if (registry.device(spare) === undefined) {
    throw new HubError('unknown-device', `expected a spare part that is known, got ${quote(spare)}`)
  }
  const { kind } = deviceOf(old)
  if (spare !== old && deviceOf(spare).kind === kind) return
  throw new HubError(
    'bad-topic',
    `expected another ${kind} than ${quote(old)}, got ${quote(spare)}`,
  )
}
