import { HubError, quote } from '../../core/errors.ts'
import type { Validator } from '../../generated/validator.ts'
import { openStoredTable } from '../../store/stored-table.ts'
import type { GuardParts } from './device-rules.ts'

interface SharedTableOptions<T> extends GuardParts {
  /** What its keys in the store and its kinds of warnings begin with, such as `auto-off`. */
  readonly name: string
  readonly validate: Validator<T>
  revive(device: string, value: T): T | undefined
}

/** What is kept of devices that somebody watches over: none is ever forgotten for another one. */
export interface SharedTable<T> {
  get(device: string): T | undefined
  entries(): Iterable<[device: string, value: T]>
  /** @throws HubError `too-many` when there is no room for `device`. */
  check(device: string): void
  /** Without room for a device that is not there yet, nothing changes, which is counted and logged. */
  set(device: string, value: T): void
  /** Of one that is there. */
  delete(device: string): void
}

/** Of all devices, and half of it of those of one node: a hostile one invents devices without end. */
const mostDevices = 10_000

export async function openSharedTable<T>(options: SharedTableOptions<T>): Promise<SharedTable<T>> {
  const { name, ownerOf, sampledLog } = options
  const sizes = new Map<string, number>()
  const onSize = (device: string, step: 1 | -1) => {
    const owner = ownerOf(device)
    sizes.set(owner, (sizes.get(owner) ?? 0) + step)
  }
  const maxSize = Number.POSITIVE_INFINITY
  const table = await openStoredTable<T>({ ...options, maxSize, onSize })
  const isFullFor = (device: string) =>
    table.get(device) === undefined &&
    (table.size >= mostDevices || (sizes.get(ownerOf(device)) ?? 0) >= mostDevices / 2)
  return {
    get: table.get,
    entries: table.entries,
    check: (device) => {
      if (!isFullFor(device)) return
      const expected = `expected at most ${mostDevices} devices that are on and watched over, half of them of one node`
      throw new HubError('too-many', `${expected}, got one more of ${quote(ownerOf(device))}`)
    },
    set: (device, value) => {
      if (isFullFor(device)) {
        const fields = { device, node: ownerOf(device) }
        sampledLog.warn(
          `${name}-refused`,
          fields,
          'a device is not watched over: there are too many',
        )
        return
      }
      table.set(device, value)
    },
    delete: table.delete,
  }
}
