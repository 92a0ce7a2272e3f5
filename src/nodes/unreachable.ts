import type { Bus } from '../bus/bus.ts'
import { errorPayload, errorTopic } from '../core/error-payload.ts'
import { HubError, quote } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import { deviceOf } from './device.ts'
import type { KnownNode } from './device-table.ts'
import type { Registry } from './registry.ts'

/** Of an actuator that cannot be reached the last report is history: a page must not show it as true. */
export interface Unreachable {
  /** Tells it of every actuator of a node that has gone offline, on `<device>/error`. */
  wentOffline(node: KnownNode): void
  /** `values` with the same after each value of an actuator whose node is offline. */
  among(values: readonly Message[]): Message[]
}

export function createUnreachable(
  { publish }: Pick<Bus, 'publish'>,
  registry: Pick<Registry, 'device' | 'isOffline'>,
): Unreachable {
  const isUnreachable = (topic: string) =>
    registry.device(topic)?.role === 'actuator' && registry.isOffline(deviceOf(topic).base)
  return {
    wentOffline: ({ devices }) => {
      for (const { topic, role } of devices.values()) {
        if (role === 'actuator') publish(errorOf(topic))
      }
    },
    among: (values) =>
      values.flatMap((value) =>
        isUnreachable(value.topic) ? [value, errorOf(value.topic)] : [value],
      ),
  }
}

function errorOf(topic: string): Message {
  const { base } = deviceOf(topic)
  const error = new HubError('node-offline', `expected the node ${quote(base)} online, it is not`)
  return { topic: errorTopic(topic), payload: errorPayload(error), qos: 0, retain: false }
}
