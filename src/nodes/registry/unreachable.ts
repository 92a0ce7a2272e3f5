import { HubError, quote } from '../../core/errors.ts'
import { errorPayload, errorTopic, type Message } from '../../core/message.ts'
import type { ClownModel } from '../clown-model.ts'
import { deviceOf } from '../device.ts'
import type { LastValues } from '../last-values.ts'
import type { Registry } from './registry.ts'

/**
 * Of an actuator whose node is away the last report is history, and stays so until it reports again: a
 * page must not show it as true.
 */
export interface Unreachable {
  /** Says of each actuator of a node that has gone offline that nobody knows its state. */
  wentOffline(base: string): Promise<void>
  /** A device has reported. */
  heard(device: string): void
  /** What says that the last value of a device is history; undefined when it is not. */
  markOf(device: string): Message | undefined
  /** `values`, each that is history with its mark behind it. */
  among(values: readonly Message[]): Message[]
}

export interface UnreachableOptions {
  publish(message: Message): void
  readonly registry: Pick<Registry, 'device' | 'isOffline'>
  readonly values: Pick<LastValues, 'topicsBelow' | 'of'>
  readonly model: Pick<ClownModel, 'takesCommands'>
  /** How many devices are remembered. */
  readonly devices: number
}

export function createUnreachable(options: UnreachableOptions): Unreachable {
  const { publish, registry, values, model, devices } = options
  /** Those that have not reported since their node was away; the longest so comes first. */
  const unheard = new Set<string>()
  // The registry may have forgotten it: relays are silent for long.
  const isActuator = (topic: string) =>
    registry.device(topic)?.role === 'actuator' || model.takesCommands(topic)
  const isHistory = (topic: string) =>
    unheard.has(topic) || (isActuator(topic) && registry.isOffline(deviceOf(topic).base))
  const remember = (topic: string) => {
    unheard.add(topic)
    const [longest = topic] = unheard
    if (unheard.size > devices) unheard.delete(longest)
  }
  const markOf = (topic: string) => (isHistory(topic) ? errorOf(topic) : undefined)
  return {
    markOf,
    wentOffline: async (base) => {
      // A node of one level reports on its own topic, too.
      const topics = new Set([base].filter((topic) => values.of(topic) !== undefined))
      for await (const topic of values.topicsBelow(base)) topics.add(topic)
      for (const topic of topics) {
        if (deviceOf(topic).base !== base || !isActuator(topic)) continue
        remember(topic)
        publish(errorOf(topic))
      }
    },
    heard: (device) => {
      unheard.delete(device)
    },
    among: (all) => all.flatMap((value) => [value, markOf(value.topic) ?? []].flat()),
  }
}

function errorOf(topic: string): Message {
  const node = quote(deviceOf(topic).base)
  const sentence = `expected a report since the node ${node} was away, got none`
  const error = new HubError('node-offline', sentence)
  return { topic: errorTopic(topic), payload: errorPayload(error), qos: 0, retain: false }
}
