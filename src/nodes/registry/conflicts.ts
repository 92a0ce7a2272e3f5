import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { type Clock, isoTime } from '../../core/clock.ts'
import type { Counters } from '../../core/sampled-log.ts'

/** Two clients that are in each other's way: they have one client id, or both report as the node of one base. */
interface Conflict {
  readonly kind: 'client-id' | 'base'
  /** The client, by its user and its id; or the base. */
  readonly name: string
  /** Those who both report, by their users and ids. */
  readonly clients?: readonly string[]
  /** How often one took the place of the other since `since`; these are ISO 8601 in UTC. */
  readonly count: number
  readonly since: string
  readonly last: string
}

export interface Conflicts {
  /** Another connection of the client took the place of one that was there. */
  takenOver(client: string): void
  /** The client reports of the node of `base`, of which another one has before. */
  spoke(base: string, client: string): void
  /** The latest first. */
  list(): Conflict[]
}

export interface ConflictsOptions {
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn'>
  readonly counters: Pick<Counters, 'count'>
}

/** One that comes back once took its own place: its old connection was dead, or it was moved to another board. */
const withinMs = 60_000

/** So often in that time, two are fighting. */
const takeovers = 3

const logEveryMs = 60_000

/** So many are remembered of each. */
const most = 1000

export function createConflicts({ clock, log, counters }: ConflictsOptions): Conflicts {
  const found = new LRUCache<string, Conflict & { readonly loggedAtMs: number }>({ max: most })
  const taken = new LRUCache<string, readonly number[]>({ max: most })
  const speakers = new LRUCache<string, Speakers>({ max: most })
  const meet = (conflict: Pick<Conflict, 'kind' | 'name' | 'clients'>) => {
    const kind = `conflict-${conflict.kind}`
    const key = `${kind} ${conflict.name}`
    counters.count(kind)
    const nowMs = clock.nowMs()
    const last = isoTime(clock.wallMs())
    const before = found.get(key)
    const isDue = before === undefined || nowMs - before.loggedAtMs >= logEveryMs
    const loggedAtMs = isDue ? nowMs : before.loggedAtMs
    const { count, since } = before ?? { count: 0, since: last }
    found.set(key, { ...conflict, count: count + 1, since, last, loggedAtMs })
    if (isDue)
      log.warn(
        { ...conflict, event: kind, kind, count: count + 1, since },
        sentences[conflict.kind],
      )
  }
  return {
    takenOver: (client) => {
      const nowMs = clock.nowMs()
      const times = [...(taken.get(client) ?? []), nowMs].slice(-takeovers)
      taken.set(client, times)
      const [first = nowMs] = times
      if (times.length === takeovers && nowMs - first <= withinMs) {
        meet({ kind: 'client-id', name: client })
      }
    },
    spoke: (base, client) => {
      const nowMs = clock.nowMs()
      const { latest, former, atMs = 0 } = speakers.get(base) ?? {}
      speakers.set(base, { latest: client, former: latest, atMs: nowMs })
      const isBack = former === client && latest !== undefined && nowMs - atMs <= withinMs
      if (isBack) meet({ kind: 'base', name: base, clients: [latest, client].sort() })
    },
    list: () => [...found.values()].map(({ loggedAtMs: _, ...conflict }) => conflict),
  }
}

/** Who reported of a node last, and who before that, until when. */
interface Speakers {
  readonly latest?: string | undefined
  readonly former?: string | undefined
  readonly atMs?: number
}

const sentences: Readonly<Record<Conflict['kind'], string>> = {
  'client-id': 'two clients have one id, and end each other’s connections again and again',
  base: 'two clients report as the node of one base',
}
