import { HubError, quote } from '../core/errors.ts'
import { type Change, type Engine, formatKey, type Store } from './store.ts'

/** Returns what has to change in a store for its format to be the next one. */
export type Migration = (store: Pick<Store, 'get' | 'entries'>) => Promise<readonly Change[]>

/** The first one brings format 1 to format 2, and so on. */
export const migrations: readonly Migration[] = [
  // Records of messages and subscriptions may hold what MQTT 5 says of them. Those before stay as they are.
  async () => [],
  // What the store has is written down with each batch, which a hub before that does not do.
  async () => [],
]

/** From this format on a store has a record of what is in it. */
export const accountedFormat = 3

export interface FormatOptions {
  /** Where the store is, for sentences. */
  readonly path: string
  readonly migrations: readonly Migration[]
  /** Copies the store before it is changed, and is told its format. */
  copy(format: number): Promise<void>
}

/**
 * Checks the format of a store. A new store has the one of this version; an older one is copied and
 * brought forward, one step at a time, each of which is done or not done whenever the machine stops.
 *
 * @throws HubError `cannot-open-store` when a newer version wrote it.
 */
export async function checkFormat(engine: Engine, options: FormatOptions): Promise<void> {
  const current = options.migrations.length + 1
  const stored = await engine.get(formatKey)
  const format = stored === undefined ? current : Number(stored)
  if (stored === undefined) await engine.apply(new Map([formatChange(current)]))
  if (format === current) return
  if (!Number.isInteger(format) || format < 1 || format > current) {
    const sentence = `expected the store ${JSON.stringify(options.path)} to have format ${current} or an older one`
    const fix = 'a newer Clown.Hub wrote it: start that one, or choose another data folder'
    throw new HubError('cannot-open-store', `${sentence}, got ${quote(String(stored))}; ${fix}`)
  }
  await options.copy(format)
  await migrate(engine, format, options.migrations)
}

async function migrate(engine: Engine, format: number, all: readonly Migration[]): Promise<void> {
  let next = format
  for (const migration of all.slice(format - 1)) {
    const changes = await migration(engine)
    next += 1
    await engine.apply(
      new Map([...changes.map(({ key, value }) => [key, value] as const), formatChange(next)]),
    )
  }
}

function formatChange(format: number): [string, Buffer] {
  return [formatKey, Buffer.from(String(format))]
}
