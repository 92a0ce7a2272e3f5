import { reasonOf } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import { RecencyMap } from '../core/recency-map.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Validator } from '../generated/validator.ts'
import type { Store } from './store.ts'

interface StoredTableOptions<T> {
  readonly store: Pick<Store, 'entries' | 'write'>
  /** What its keys in the store and its kinds of warnings begin with, such as `lock`. */
  readonly name: string
  /** How many are kept; past it those that were set the longest ago go first. */
  readonly maxSize: number
  /** Whether what was stored is a value of the table. */
  readonly validate: Validator<T>
  /** Makes good what is wrong with a stored value by now, or returns undefined: then it is forgotten. */
  revive?(key: string, value: T): T | undefined
  /** Called when a value had to go for a newer one. */
  onForgotten?(key: string): void
  /** Called with 1 for each key that comes, and -1 for each that goes. */
  onSize?(key: string, step: 1 | -1): void
  readonly share?: ShareTable
  readonly sampledLog: SampledLog
}

/** Whoever keeps the same elsewhere; returns what is to be called with each key whose value is changed here. */
export type ShareTable = (name: string, table: TakingTable) => (key: string) => void

/** `share`, where there is one; `taken` is called with each key whose value was changed elsewhere. */
export function sharedBy(
  share: ShareTable | undefined,
  taken: (key: string) => void,
): { readonly share?: ShareTable } {
  if (share === undefined) return {}
  return {
    share: (name, table) => {
      const take: TakingTable['take'] = (key, json) => {
        table.take(key, json)
        taken(key)
      }
      return share(name, { ...table, take })
    },
  }
}

/** A table that takes what was changed elsewhere. */
export interface TakingTable {
  readonly keys: () => Iterable<string>
  get(key: string): unknown
  /** Has `json` for the value of `key` from now on; undefined, or what is none, takes it away. */
  take(key: string, json: unknown): void
}

/** A map in memory whose changes also go to the store; nobody has to wait until they are there. */
interface StoredTable<T> {
  readonly size: number
  get(key: string): T | undefined
  /** What was set the longest ago comes first. */
  entries(): Iterable<[key: string, value: T]>
  set(key: string, value: T): void
  delete(key: string): void
  /**
   * Resolves when the last change is in the store; nobody has to catch it.
   *
   * @throws HubError `cannot-write-store` when it cannot be.
   */
  stored(): Promise<void>
}

/** The table as it was in the store. What cannot be read is counted, logged and left out. */
export async function openStoredTable<T>(options: StoredTableOptions<T>): Promise<StoredTable<T>> {
  const { name, maxSize, store, sampledLog, onForgotten, onSize, share } = options
  const values = await readValues(options)
  let stored = Promise.resolve()
  const write = (key: string, value: Buffer | undefined) => {
    stored = store.write([{ key: `${name}/${key}`, value }])
    stored.catch((error: unknown) => {
      const fields = { key, reason: reasonOf(error) }
      sampledLog.warn(`${name}-not-stored`, fields, 'what is known was not stored')
    })
  }
  const put = (key: string, value: T) => {
    if (onSize !== undefined && values.get(key) === undefined) onSize(key, 1)
    values.set(key, value)
    write(key, Buffer.from(JSON.stringify(value)))
    for (const [oldest] of values.entries()) {
      if (values.size <= maxSize) break
      forget(oldest)
    }
  }
  const remove = (key: string) => {
    if (!values.delete(key)) return
    onSize?.(key, -1)
    write(key, undefined)
  }
  const forget = (key: string) => {
    sampledLog.warn(
      `${name}-full`,
      { key },
      'something was forgotten, to have room for another one',
    )
    remove(key)
    onForgotten?.(key)
  }
  const changed = share?.(name, {
    keys: () => [...values.entries()].map(([key]) => key),
    get: (key) => values.get(key),
    take: (key, json) => {
      const value = revived(key, json, options)
      if (value === undefined) remove(key)
      else put(key, value)
    },
  })
  return {
    get size() {
      return values.size
    },
    get: (key) => values.get(key),
    entries: () => values.entries(),
    set: (key, value) => {
      put(key, value)
      changed?.(key)
    },
    delete: (key) => {
      remove(key)
      changed?.(key)
    },
    stored: () => stored,
  }
}

async function readValues<T>(options: StoredTableOptions<T>): Promise<RecencyMap<string, T>> {
  const { store, name, sampledLog, onSize } = options
  const prefix = `${name}/`
  const values = new RecencyMap<string, T>()
  for await (const [key, bytes] of store.entries(prefix)) {
    const own = key.slice(prefix.length)
    const value = revived(own, parseJson(bytes), options)
    if (value !== undefined) {
      values.set(own, value)
      onSize?.(own, 1)
    } else sampledLog.warn(`${name}-forgotten`, { key }, 'what was stored is of no use')
  }
  return values
}

function revived<T>(key: string, json: unknown, options: StoredTableOptions<T>): T | undefined {
  const { validate, revive = (_key, value) => value } = options
  return validate(json) ? revive(key, json) : undefined
}
