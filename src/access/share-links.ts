/**
 * Links by which somebody without a user may look at a part of the house, for a while. Each is a user of its own who may read
 * that and nothing else, with one token and an end: so all that holds for users holds for links.
 */
import { randomBytes } from 'node:crypto'
import { createListeners } from '../core/callbacks.ts'
import { type AlarmClock, isoTime, systemClock } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { checkFilter } from '../core/topic.ts'
import type { ShareEntry } from '../generated/stored.ts'
import { validateShareEntry } from '../generated/validate-stored.js'
import type { Store } from '../store/store.ts'
import { openStoredTable } from '../store/stored-table.ts'
import { rightsOf } from './rights.ts'
import { createToken } from './tokens.ts'
import { normalForm, type User, type UserDirectory } from './user.ts'

/** A link as it is listed: its token is told once, and then is nowhere. */
export interface ShareLink {
  /** The name of its user. */
  readonly id: string
  /** What its maker calls it. */
  readonly title: string
  /** What may be read by it. */
  readonly filters: readonly string[]
  readonly by: string
  /** ISO 8601, in UTC. */
  readonly since: string
  readonly until: string
}

/** What a link is to be. */
export interface NewShareLink {
  readonly title: string
  readonly filters: readonly string[]
  /** For how long. */
  readonly hours: number
}

export interface ShareLinks {
  /**
   * Makes a link, of what its maker may read.
   *
   * @throws HubError `bad-topic` for a filter, `forbidden` where the maker may not read all of it, `too-many`
   */
  add(wanted: NewShareLink, maker: User): ShareLink & { readonly token: string }
  /** Ends a link of `asking`, or of anybody where that is an admin. Undefined when there was none. */
  remove(id: string, asking: User): ShareLink | undefined
  list(): ShareLink[]
  find(id: string): ShareLink | undefined
  /** Resolves when the last change is in the store. @throws HubError `cannot-write-store` */
  stored(): Promise<void>
  close(): void
}

export interface ShareLinksOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
  readonly clock?: AlarmClock
}

const mostLinks = 100
/** No alarm is set for longer. */
const longestMs = 24 * 3_600_000
const mostFilters = 16

/** The links that there are, and the same directory with their users besides. */
export async function openShareLinks<Directory extends UserDirectory>(
  directory: Directory,
  options: ShareLinksOptions,
): Promise<{ readonly links: ShareLinks; readonly directory: Directory }> {
  const { store, sampledLog, clock = systemClock } = options
  const table = await openStoredTable<Readonly<ShareEntry>>({
    ...{ store, sampledLog, name: 'share', maxSize: mostLinks, validate: validateShareEntry },
  })
  const { add: onChange, tell } = createListeners<[]>()
  let users = new Map<string, User>()
  let edition = {}
  let cancel = () => {}
  const changed = () => {
    cancel()
    const nowMs = clock.wallMs()
    for (const [id, { until }] of [...table.entries()]) {
      if (Date.parse(until) <= nowMs) table.delete(id)
    }
    const left = [...table.entries()]
    users = new Map(left.map(([id, entry]) => [id, userOf(id, entry)]))
    edition = {}
    const ends = left.map(([, { until }]) => Date.parse(until) - nowMs)
    if (left.length > 0) cancel = clock.after(Math.min(longestMs, ...ends), changed)
    tell()
  }
  changed()
  const stop = directory.onChange(() => {
    edition = {}
    tell()
  })
  return {
    links: {
      ...linksIn(table, { clock, changed }),
      stored: table.stored,
      close: () => {
        cancel()
        stop()
      },
    },
    directory: {
      ...directory,
      get edition() {
        return edition
      },
      // Nobody takes the place of a user who has a password.
      find: (name) => directory.find(name) ?? users.get(normalForm(name)),
      all: () => [...directory.all(), ...users.values()],
      onChange,
    },
  }
}

interface LinkTable {
  readonly size: number
  get(id: string): Readonly<ShareEntry> | undefined
  entries(): Iterable<[id: string, entry: Readonly<ShareEntry>]>
  set(id: string, entry: Readonly<ShareEntry>): void
  delete(id: string): void
}

interface Around {
  readonly clock: AlarmClock
  changed(): void
}

function linksIn(table: LinkTable, { clock, changed }: Around) {
  const find = (id: string) => {
    const entry = table.get(id)
    return entry && linkOf(id, entry)
  }
  return {
    find,
    list: () => [...table.entries()].map(([id, entry]) => linkOf(id, entry)),
    add: ({ title, filters, hours }: NewShareLink, maker: User) => {
      checkReadable(filters, maker)
      if (table.size >= mostLinks) {
        throw new HubError('too-many', `expected at most ${mostLinks} links, got one more`)
      }
      const nowMs = clock.wallMs()
      const { token, sha256 } = createToken()
      const until = isoTime(nowMs + hours * 3_600_000)
      const told = { title, filters: [...filters], by: maker.name, since: isoTime(nowMs), until }
      const id = `share-${randomBytes(6).toString('hex')}`
      table.set(id, { ...told, sha256 })
      changed()
      return { id, ...told, token }
    },
    remove: (id: string, { name, role }: User) => {
      const link = find(id)
      if (link === undefined || (role !== 'admin' && link.by !== name)) return undefined
      table.delete(id)
      changed()
      return link
    },
  }
}

function linkOf(id: string, { sha256: _, ...told }: Readonly<ShareEntry>): ShareLink {
  return { id, ...told }
}

function userOf(name: string, { filters, sha256, since: created }: Readonly<ShareEntry>): User {
  const rules = filters.map((topic) => ({ allow: ['read'] as const, topic }))
  return { name, created, rules, tokens: [{ name: 'link', sha256, created }] }
}

function checkReadable(filters: readonly string[], maker: User): void {
  if (filters.length > mostFilters) {
    throw new HubError('too-many', `expected at most ${mostFilters} filters, got ${filters.length}`)
  }
  const { readsAll } = rightsOf(maker)
  for (const filter of filters) {
    checkFilter(filter)
    if (readsAll(filter)) continue
    throw new HubError('forbidden', `expected a filter that you may read, got ${quote(filter)}`)
  }
}
