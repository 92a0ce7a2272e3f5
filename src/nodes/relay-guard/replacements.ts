import { createListeners } from '../../core/callbacks.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { validateReplacementEntry } from '../../generated/validate-stored.js'
import type { Store } from '../../store/store.ts'
import { openStoredTable, type ShareTable, sharedBy } from '../../store/stored-table.ts'

/** Which devices have taken the place of which: what the configuration says of those holds for them. */
export interface Replacements {
  /** A device by its topic, and by those of the devices in whose place it is. */
  namesOf(device: string): readonly string[]
  /** `device` takes the place of `old`, and of those in whose place that was. */
  add(device: string, old: string): void
  forget(device: string): void
  /** Calls `listener` when anything has changed; the returned function ends that. */
  onChange(listener: () => void): () => void
}

interface ReplacementsOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  /** How many are remembered. */
  readonly devices: number
  readonly share?: ShareTable | undefined
}

/** One that is mended again and again is known by so many names. */
const mostNames = 16

export async function openReplacements(options: ReplacementsOptions): Promise<Replacements> {
  const { devices, share, ...rest } = options
  const changes = createListeners<[]>()
  const stored = await openStoredTable({
    ...rest,
    ...sharedBy(share, () => changes.tell()),
    name: 'replacement',
    maxSize: devices,
    validate: validateReplacementEntry,
  })
  const namesOf = (device: string) => [device, ...(stored.get(device)?.of ?? [])]
  return {
    namesOf,
    onChange: changes.add,
    add: (device, old) => {
      const names = new Set([...namesOf(device), ...namesOf(old)])
      names.delete(device)
      stored.set(device, { of: [...names].slice(0, mostNames) })
      stored.delete(old)
      changes.tell()
    },
    forget: (device) => {
      stored.delete(device)
      changes.tell()
    },
  }
}
