import type { Sender } from '../../access/sender.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { validatePublishersEntry } from '../../generated/validate-stored.js'
import type { Store } from '../../store/store.ts'
import { openStoredTable } from '../../store/stored-table.ts'

/** Somebody who has said what a device is. */
export interface Publisher {
  readonly user: string
  readonly clientId?: string
}

/** What is known of who has said what a device is. */
export interface DeviceOrigin {
  readonly by: readonly Publisher[]
  /** Where it was said by nobody knows whom: whoever may publish there counts. */
  readonly topics: readonly string[]
}

export interface Publishers {
  /** What is said on `topic` makes a device what it is; `sender` is unknown of what was said before. */
  said(device: string, topic: string | undefined, sender: Sender | undefined): void
  of(device: string): DeviceOrigin
  forget(device: string): void
}

/** More are not told apart: whoever may publish there counts. */
const mostPublishers = 8

interface PublishersOptions {
  readonly store: Store
  readonly sampledLog: SampledLog
  /** How many devices are remembered. */
  readonly devices: number
}

/** Keeps over a restart whose rights bind where devices of profiles are commanded. */
export async function openPublishers(options: PublishersOptions): Promise<Publishers> {
  const { devices, ...rest } = options
  const stored = await openStoredTable({
    ...rest,
    name: 'publishers',
    maxSize: devices,
    validate: validatePublishersEntry,
  })
  const unknown = new Map<string, readonly string[]>()
  const byOf = (device: string): readonly Publisher[] => stored.get(device)?.by ?? []
  const saidByAnybody = (device: string, topic: string) => {
    const topics = unknown.get(device) ?? []
    if (!topics.includes(topic)) unknown.set(device, [...topics, topic])
  }
  return {
    of: (device) => ({ by: byOf(device), topics: unknown.get(device) ?? [] }),
    said: (device, topic, sender) => {
      if (topic === undefined) return
      const by = byOf(device)
      // What is said again was said by those who said it before.
      if (sender === undefined) {
        if (by.length === 0) saidByAnybody(device, topic)
        return
      }
      if (by.some((each) => isSame(each, sender))) return
      if (by.length === mostPublishers) saidByAnybody(device, topic)
      else stored.set(device, { by: [...by, publisherOf(sender)] })
    },
    forget: (device) => {
      stored.delete(device)
      unknown.delete(device)
    },
  }
}

function publisherOf({ user, clientId }: Sender): Publisher {
  return { user, ...(clientId !== undefined && { clientId }) }
}

function isSame(one: Publisher, other: Publisher): boolean {
  return one.user === other.user && one.clientId === other.clientId
}
