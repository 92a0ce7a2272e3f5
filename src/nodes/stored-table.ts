import type { Ajv, SchemaObject } from 'ajv'
import { reasonOf } from '../core/errors.ts'
import { parseJson } from '../core/parse-json.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Store } from '../store/store.ts'

export interface StoredTableOptions<T> {
  readonly store: Store
  /** What its keys begin with, such as `lock/`. */
  readonly prefix: string
  /** How many are kept; past it those that were set the longest ago go first. */
  readonly maxSize: number
  readonly ajv: Ajv
  /** JSON Schema of its values. */
  readonly schema: SchemaObject
  /** Makes good what is wrong with a value by now, or answers undefined: then it is forgotten. */
  revive(key: string, value: T): T | undefined
  readonly sampledLog: SampledLog
}

/** A map in memory whose changes also go to the store; nobody has to wait until they are there. */
export interface StoredTable<T> {
  readonly size: number
  get(key: string): T | undefined
  entries(): IterableIterator<[key: string, value: T]>
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
  const { prefix, maxSize, store, sampledLog } = options
  const values = await readValues(options)
  let stored = Promise.resolve()
  const write = (key: string, value: Buffer | undefined) => {
    stored = store.write([{ key: prefix + key, value }])
    stored.catch((error: unknown) => {
      const fields = { prefix, reason: reasonOf(error) }
      sampledLog.warn('guard-not-stored', fields, 'what the relay guard knows was not stored')
    })
  }
  const remove = (key: string) => {
    if (values.delete(key)) write(key, undefined)
  }
  return {
    get size() {
      return values.size
    },
    get: (key) => values.get(key),
    entries: () => values.entries(),
    set: (key, value) => {
      // A map keeps the order of insertion, so the first one is the oldest.
      values.delete(key)
      values.set(key, value)
      write(key, Buffer.from(JSON.stringify(value)))
      const [oldest] = values.keys()
      if (values.size <= maxSize || oldest === undefined) return
      sampledLog.warn(
        'guard-full',
        { prefix, key: oldest },
        'the relay guard has forgotten a device',
      )
      remove(oldest)
    },
    delete: remove,
    stored: () => stored,
  }
}

async function readValues<T>(options: StoredTableOptions<T>): Promise<Map<string, T>> {
  const { store, prefix, ajv, schema, sampledLog } = options
  const isValue = ajv.compile<T>(schema)
  const values = new Map<string, T>()
  for await (const [key, bytes] of store.entries(prefix)) {
    const name = key.slice(prefix.length)
    const json = parseJson(bytes)
    const value = isValue(json) ? options.revive(name, json) : undefined
    if (value !== undefined) values.set(name, value)
    else
      sampledLog.warn('guard-forgotten', { key }, 'the relay guard cannot use what it had stored')
  }
  return values
}
