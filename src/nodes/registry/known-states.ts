import type { Bus } from '../../bus/bus.ts'
import { createListeners } from '../../core/callbacks.ts'
import { afterwards } from '../../core/clock.ts'
import { HubError, quote } from '../../core/errors.ts'
import { errorOn, type Message } from '../../core/message.ts'
import type { ClownModel } from '../clown-model.ts'
import { deviceOf } from '../device.ts'
import type { LastValues } from '../last-values.ts'
import type { KnownNode } from './device-table.ts'
import type { Registry } from './registry.ts'

/** Since when nobody knows the state of a device: the end of "expected a report since …". */
export type Since = 'was away' | 'has started' | 'has connected anew'

/**
 * Of which actuators the state is known: those that have reported since their node started, came back, or was
 * connected to by somebody else with its client id, and since the hub itself started. What another one reported
 * is history, which nobody may show as true. Whatever shows states asks here.
 */
export interface KnownStates {
  /** Says of each actuator of the node of `base` that nobody knows its state, until it reports. */
  lose(base: string, since: Since): Promise<void>
  /** Nothing that was known before the hub started is known now. */
  loseAll(): Promise<void>
  /** A device has reported. */
  heard(device: string): void
  /** A broker has kept what a device reported once: that is history until it reports again. */
  wasKept(device: string): void
  /** `user`, who is not the node of a device, has said what it is: that is nothing it reported. */
  toldBy(device: string, user: string): void
  isKnown(device: string): boolean
  /** Who said what the last value of a device is, when that was not its node. */
  tellerOf(device: string): string | undefined
  /** What says that the last value of a device is history; undefined when it is not. */
  markOf(device: string): Message | undefined
  /** `values`, each that is history with its mark behind it. */
  among(values: readonly Message[]): Message[]
  /** Calls `listener` when the state of a device is known, before what it reports is, or no longer; what it returns ends that. */
  onChange(listener: (device: string, isKnown: boolean) => void): () => void
}

export interface KnownStatesOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly registry: Pick<Registry, 'device' | 'isOffline'> & {
    readonly nodes: ReadonlyMap<string, Pick<KnownNode, 'devices'>>
  }
  readonly values: Pick<LastValues, 'topicsBelow' | 'of'>
  readonly model: Pick<ClownModel, 'takesCommands'>
  readonly clock: { nowMs(): number }
  /** How many devices are remembered. */
  readonly devices: number
}

/** Why the state of a device is not known. */
type Reason =
  | { readonly since: Since }
  | { readonly teller: string }
  | 'the hub has started'
  | 'the hub has come to its broker'

export function createKnownStates(options: KnownStatesOptions): KnownStates {
  const { bus, registry, values, model, devices } = options
  const { add: onChange, tell } = createListeners<[device: string, isKnown: boolean]>()
  /** Those of which nobody knows it, and those who were spoken for by others; the longest so comes first. */
  const unknown = new Map<string, Reason>()
  const tellers = new Map<string, string>()
  // The registry may have forgotten it: relays are silent for long.
  const isActuator = (topic: string) =>
    registry.device(topic)?.role === 'actuator' || model.takesCommands(topic)
  const isAway = (topic: string) => registry.isOffline(deviceOf(topic).base)
  const isKnown = (topic: string) => !unknown.has(topic) && !(isActuator(topic) && isAway(topic))
  const keep = <Value>(kept: Map<string, Value>, topic: string, value: Value) => {
    kept.set(topic, value)
    const [longest = topic] = kept.keys()
    if (kept.size > devices) kept.delete(longest)
  }
  const remember = (topic: string, reason: Reason) => keep(unknown, topic, reason)
  const markOf = (topic: string) =>
    isKnown(topic) ? undefined : markFor(topic, unknown.get(topic), isAway(topic))
  const forget = (topic: string, reason: Reason) => {
    remember(topic, reason)
    bus.publish(markFor(topic, reason, isAway(topic)))
    tell(topic, false)
  }
  const loseKnown = (base: string, since: Since) => {
    const { devices: own = new Map() } = registry.nodes.get(base) ?? {}
    for (const topic of own.keys()) if (isActuator(topic)) forget(topic, { since })
  }
  const search = createSearch(options, (topic, since) => {
    if (isActuator(topic)) forget(topic, { since })
  })
  return {
    isKnown,
    markOf,
    onChange,
    tellerOf: (device) => tellers.get(device),
    lose: (base, since) => {
      // At once: what its devices say next counts.
      loseKnown(base, since)
      return search(base, since)
    },
    loseAll: async () => {
      for await (const topic of values.topicsBelow('')) {
        if (isActuator(topic)) remember(topic, 'the hub has started')
      }
    },
    heard: (device) => {
      if (tellers.size > 0) tellers.delete(device)
      if (unknown.delete(device)) tell(device, true)
    },
    wasKept: (device) => {
      if (isActuator(device)) remember(device, 'the hub has come to its broker')
    },
    toldBy: (device, teller) => {
      keep(tellers, device, teller)
      // Behind what is told.
      if (isActuator(device)) afterwards(() => forget(device, { teller }))
    },
    among: (all) => all.flatMap((value) => [value, markOf(value.topic) ?? []].flat()),
  }
}

/**
 * Looks through all values for what belongs to nodes that are lost, is not in the registry and has said nothing since. What is
 * lost in one turn is looked for together: a gateway speaks for a thousand nodes.
 */
function createSearch(
  { registry, values, clock }: KnownStatesOptions,
  found: (topic: string, since: Since) => void,
) {
  let lost = new Map<string, { readonly since: Since; readonly sinceMs: number }>()
  let looking: Promise<void> | undefined
  const look = async () => {
    await Promise.resolve()
    const all = lost
    lost = new Map()
    looking = undefined
    for await (const topic of values.topicsBelow('')) {
      const one = all.get(deviceOf(topic).base)
      if (one === undefined || registry.device(topic) !== undefined) continue
      if ((values.of(topic)?.heardMs ?? one.sinceMs) <= one.sinceMs) found(topic, one.since)
    }
  }
  return (base: string, since: Since): Promise<void> => {
    lost.set(base, { since, sinceMs: clock.nowMs() })
    looking ??= look()
    return looking
  }
}

function markFor(topic: string, reason: Reason | undefined, isAway: boolean): Message {
  const error = new HubError(
    isAway ? 'node-offline' : 'state-unknown',
    sentenceOf(topic, isAway ? undefined : reason),
  )
  return errorOn(topic, error)
}

function sentenceOf(topic: string, reason: Reason = { since: 'was away' }): string {
  if (typeof reason === 'string') return `expected a report since ${reason}, got none`
  const node = quote(deviceOf(topic).base)
  if ('since' in reason) return `expected a report since the node ${node} ${reason.since}, got none`
  return `expected a report of the node ${node}, got what ${quote(reason.teller)} said of it`
}
