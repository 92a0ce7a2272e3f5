import type { AlarmClock } from '../../core/clock.ts'
import { matches } from '../../core/filter.ts'
import type { DeepReadonly } from '../../core/json.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { checkConfiguredFilter } from '../../core/topic.ts'
import type { Config } from '../../generated/config.ts'
import type { Store } from '../../store/store.ts'
import type { ShareTable } from '../../store/stored-table.ts'
import { deviceOf } from '../device.ts'
import type { DeviceLabel, DeviceLabels } from '../registry/device-labels.ts'
import type { AutoOffTimes } from '../registry/node-json.ts'
import type { Replacements } from './replacements.ts'

/** The part `commands` of the configuration. */
type CommandSettings = DeepReadonly<Config['commands']>

/** Settings for the devices whose topic `topic` matches and whose kind is `kind`, where it says so. */
export type DeviceRule = CommandSettings['rules'][number]

/** What shows whether a device does what it says. */
export type Proof = NonNullable<DeviceRule['proof']>

/** What holds for one device; 0 stands for no limit, and for never. */
export interface DeviceSettings {
  readonly timeoutMs: number
  readonly minIntervalMs: number
  readonly perSecond: number
  /** Whether a rule of the configuration says one of these two. */
  readonly isPaceConfigured: boolean
  readonly autoOffMs: number
  /** The time of day at which it is turned off, as `22:00`. */
  readonly autoOffAt: string | undefined
  readonly interlock: string | undefined
  readonly proof: Proof | undefined
  /** Whether the guard has anything to watch over. */
  readonly isGuarded: boolean
}

/** What holds for the device that reports on `topic`. */
export type DeviceRules = (topic: string) => DeviceSettings

/** So many devices are remembered with their settings, and then all are forgotten. */
const rememberedDevices = 10_000

/** security.md 5.3: relays die of chatter. */
const relayDefaults: DeviceRule = { kind: 'relay', minIntervalMilliseconds: 200, perSecond: 5 }

const none = { namesOf: (topic: string) => [topic], onChange: () => () => {} }
const unlabelled = { of: () => ({}), onChange: () => () => {} }

/**
 * Finds the settings of devices: the first rule that fits a device and has a setting decides it, where one
 * that has taken the place of another fits as that did, too. What people say of how long a device may be on makes that
 * shorter, and never longer.
 *
 * @throws HubError `bad-config` as `checkDeviceRules`.
 */
export function createDeviceRules(
  { timeoutSeconds, rules }: CommandSettings,
  replacements: Pick<Replacements, 'namesOf' | 'onChange'> = none,
  labels: Pick<DeviceLabels, 'of' | 'onChange'> = unlabelled,
): DeviceRules {
  checkDeviceRules(rules)
  const all = [...rules, relayDefaults]
  const witnesses = new Set(rules.flatMap(({ proof }) => proof?.topic ?? []))
  const remembered = new Map<string, DeviceSettings>()
  replacements.onChange(() => remembered.clear())
  labels.onChange((device) => remembered.delete(device))
  return (topic) => {
    const known = remembered.get(topic)
    if (known !== undefined) return known
    const { kind } = deviceOf(topic)
    const names = replacements.namesOf(topic)
    const fitting = all.filter((rule) => names.some((name) => fits(rule, name, kind)))
    const own = settingsFrom(fitting, timeoutSeconds)
    const labelled = withLabel(own, labels.of(topic))
    const settings = witnesses.has(topic) ? { ...labelled, isGuarded: true } : labelled
    if (remembered.size >= rememberedDevices) remembered.clear()
    remembered.set(topic, settings)
    return settings
  }
}

/**
 * `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` that names the rule whose `topic` is no filter.
 */
export function checkDeviceRules(rules: readonly DeviceRule[], source = ''): void {
  for (const [at, { topic = '#' }] of rules.entries()) {
    checkConfiguredFilter(topic, `commands.rules.${at}.topic`, source)
  }
}

function fits({ topic = '#', kind }: DeviceRule, device: string, kindOfDevice: string): boolean {
  return (kind === undefined || kind === kindOfDevice) && matches(topic, device)
}

function saysPace(rule: DeviceRule): boolean {
  const { minIntervalMilliseconds, perSecond } = rule
  return rule !== relayDefaults && (minIntervalMilliseconds ?? perSecond) !== undefined
}

function settingsFrom(rules: readonly DeviceRule[], timeoutSeconds: number): DeviceSettings {
  const first = <K extends keyof DeviceRule>(key: K) =>
    rules.find((rule) => rule[key] !== undefined)?.[key]
  const minIntervalMs = first('minIntervalMilliseconds') ?? 0
  const perSecond = first('perSecond') ?? 0
  const autoOffMs = (first('autoOffSeconds') ?? 0) * 1000
  const autoOffAt = first('autoOffAt')
  const interlock = first('interlock')
  const proof = first('proof')
  return {
    minIntervalMs,
    perSecond,
    autoOffMs,
    autoOffAt,
    interlock,
    isPaceConfigured: rules.some(saysPace),
    timeoutMs: (first('timeoutSeconds') ?? timeoutSeconds) * 1000,
    proof,
    isGuarded: [minIntervalMs, perSecond, autoOffMs, autoOffAt, interlock, proof].some(Boolean),
  }
}

function withLabel(settings: DeviceSettings, { autoOffSeconds }: DeviceLabel): DeviceSettings {
  if (autoOffSeconds === undefined) return settings
  const longestMs = settings.autoOffMs || Number.POSITIVE_INFINITY
  return { ...settings, autoOffMs: Math.min(longestMs, autoOffSeconds * 1000), isGuarded: true }
}

/** Whether no restart may forget that a device was commanded. */
export function hasLastingRule(settings: DeviceSettings): boolean {
  return isTurnedOff(settings) || settings.interlock !== undefined
}

/** Whether a device is turned off by the hub, after some time or at some time. */
export function isTurnedOff({ autoOffMs, autoOffAt }: DeviceSettings): boolean {
  return autoOffMs > 0 || autoOffAt !== undefined
}

/** When the hub turns a device off; undefined where it may be on for as long as it likes. */
export function autoOffIn(settings: DeviceSettings): AutoOffTimes | undefined {
  const { autoOffMs, autoOffAt } = settings
  if (!isTurnedOff(settings)) return undefined
  return {
    ...(autoOffMs > 0 && { seconds: autoOffMs / 1000 }),
    ...(autoOffAt !== undefined && { at: autoOffAt }),
  }
}

/** What the parts of the relay guard have in common. */
export interface GuardParts {
  readonly rules: DeviceRules
  readonly store: Store
  readonly sampledLog: SampledLog
  /** As a stored table has it: what other hubs have to know is told them by this. */
  readonly share?: ShareTable
  /** Whether a profile knows a device, and so what a command asks it for. */
  isKnown(device: string): boolean
  /** The node that a device counts for: whose user may say what it likes there, or the one its topic names. */
  ownerOf(device: string): string
  /** What a device reported last, decoded; undefined when it never did. */
  lastValueOf(device: string): unknown
  /** Milliseconds since 1970 that never jump: the time of day at the start, counted on steadily. */
  now(): number
  /** Milliseconds since 1970 by the time of day, which somebody may set. */
  wallMs(): number
  /** Whose time of day counts; the machine's own unless given. */
  readonly timeZone?: string | undefined
  readonly after: AlarmClock['after']
}
