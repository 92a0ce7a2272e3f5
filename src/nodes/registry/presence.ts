/** Who is there, and what it is called, told as messages of the hub: to those who ask for it, and never on the bus. */
import type { Rights } from '../../access/rights.ts'
import { createListeners } from '../../core/callbacks.ts'
import type { AlarmClock } from '../../core/clock.ts'
import type { Message } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import { filterBelow } from '../../core/topic.ts'
import { hubEndings } from '../clown-model.ts'
import type { DeviceLabel } from './device-labels.ts'
import type { KnownDevice, KnownNode } from './device-table.ts'
import { isStale } from './offline-detection.ts'

/** Tells each time that a node comes or goes, that a sensor becomes stale or reports again, and what a device is called. */
export interface Presence {
  /**
   * `listener` gets `<base>/-/presence` of a node, `<device>/-/presence` of a sensor and `<device>/-/label`, until the
   * returned function is called.
   */
  subscribe(listener: (message: Message) => void): () => void
}

/** What only the hub has anything to say of on `topic`; undefined of what is on the bus. */
export function toldByHub(topic: string): keyof typeof hubEndings | undefined {
  if (topic.endsWith(hubEndings.presence)) return 'presence'
  return topic.endsWith(hubEndings.labels) ? 'labels' : undefined
}

/** What is told on `topic` by the hub alone: of a device to who may read it; of a node to who may read all that it says. */
export function mayReadPresence(
  { mayRead, readsAll }: Pick<Rights, 'mayRead' | 'readsAll'>,
  topic: string,
): boolean {
  const about = topic.slice(0, topic.lastIndexOf('/-/'))
  return mayRead(about) || readsAll(filterBelow(about))
}

export interface PresenceTeller extends Presence {
  online(node: KnownNode): void
  /** It was just heard of. */
  heard(device: KnownDevice): void
  /** The state of the device on `topic` is known again, or not any more. */
  known(topic: string, isKnown: boolean): void
  /** The device on `topic` has another label now. */
  labelled(topic: string, label: DeviceLabel): void
  /** Looks for sensors that have become stale, and for nodes that say nothing. */
  look(nodes: readonly KnownNode[]): void
}

export function createPresence(clock: Pick<AlarmClock, 'nowMs'>): PresenceTeller {
  const listeners = createListeners<[message: Message]>()
  /** Those that were told to be stale. */
  const stale = new Set<KnownDevice>()
  const silent = new WeakSet<KnownNode>()
  const tellOn = (topic: string, value: Readonly<Record<string, unknown>>) => {
    const payload = Payload.ofValue(value)
    listeners.tell({ topic, payload, qos: 0, retain: false })
  }
  const tell = (about: string, value: Readonly<Record<string, unknown>>) =>
    tellOn(about + hubEndings.presence, value)
  return {
    subscribe: listeners.add,
    online: ({ base, online, isSilent }) => tell(base, { online, stale: isSilent }),
    known: (topic, isKnown) => tell(topic, { stale: !isKnown }),
    labelled: (topic, label) => tellOn(topic + hubEndings.labels, { ...label }),
    heard: (device) => {
      if (stale.delete(device)) tell(device.topic, { stale: false })
    },
    look: (nodes) => {
      for (const node of nodes.filter((each) => silent.has(each) !== each.isSilent)) {
        const { base, online, isSilent } = node
        if (isSilent) silent.add(node)
        else silent.delete(node)
        tell(base, { online, stale: isSilent })
      }
      const nowMs = clock.nowMs()
      for (const device of stale) if (device.isForgotten) stale.delete(device)
      for (const device of newlyStale(nodes, stale, nowMs)) {
        stale.add(device)
        tell(device.topic, { stale: true })
      }
    },
  }
}

function* newlyStale(nodes: Iterable<KnownNode>, stale: ReadonlySet<KnownDevice>, nowMs: number) {
  for (const { devices } of nodes) {
    for (const device of devices.values()) {
      if (!stale.has(device) && isStale(device, nowMs)) yield device
    }
  }
}
