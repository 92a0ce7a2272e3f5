import { givenName } from '../model-table.ts'
import type { ServedContext } from '../served-dialect.ts'
import type { Shown } from './resources.ts'

/** What clients call devices, kept over a restart. */
export interface Names {
  /** Without a name of its own a device is called by its kind and address: `Relay i2c0-3b`. */
  of(shown: Shown): string
  /** Resolves when it is in the store. */
  set(topic: string, name: string): Promise<void>
  /** The device is gone. */
  forget(topic: string): void
}

const prefix = 'dialect/deconz/name/'

export async function openNames(store: ServedContext['store']): Promise<Names> {
  const names = new Map<string, string>()
  for await (const [key, value] of store.entries(prefix)) {
    names.set(key.slice(prefix.length), value.toString('utf8'))
  }
  return {
    of: (shown) => names.get(shown.device.topic) ?? givenName(shown.device, shown.row),
    set: async (topic, name) => {
      await store.write([{ key: prefix + topic, value: Buffer.from(name) }])
      names.set(topic, name)
    },
    forget: (topic) => {
      // Nobody waits for it, and one that stays names nothing.
      if (names.delete(topic)) void store.write([{ key: prefix + topic, value: undefined }])
    },
  }
}
