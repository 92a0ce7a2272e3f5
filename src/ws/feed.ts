/** What one session is told: its part in an audience, last values for what it asks for, and what it missed. */
import { setImmediate as turnOver } from 'node:timers/promises'
import type { Rights } from '../access/rights.ts'
import { type AlarmClock, systemClock } from '../core/clock.ts'
import { HubError } from '../core/errors.ts'
import { detached } from '../core/guard.ts'
import { checkFilter, joinTopic } from '../core/topic.ts'
import type { Dialect, Wishes } from '../dialects/dialect.ts'
import type { Audiences, Membership, View } from './audiences.ts'
import type { CatchUps } from './catch-ups.ts'
import { closeCodes } from './close-codes.ts'
import type { Recovery, RecoveryLog } from './recovery.ts'
import type { WebSocketLink } from './websocket-link.ts'

export interface FeedContext {
  readonly audiences: Audiences
  readonly catchUps: CatchUps
  readonly recovery: Recovery
  readonly after?: AlarmClock['after']
}

export interface FeedOptions {
  readonly dialect: Dialect
  readonly base: string
  readonly link: WebSocketLink
  readonly user: { readonly name: string }
  readonly rights: Rights
}

/** So many filters one session may have. */
const mostFilters = 1000

const nobody: Membership = { settle: () => {}, leave: () => {} }

/** A view that somebody has who is signed in. */
interface SignedInView extends View {
  readonly rights: Rights
}

/** One session's part of what is said. */
export class Feed {
  readonly #context: FeedContext
  readonly #options: FeedOptions
  readonly #catchUp: ReturnType<typeof createCatchUp>
  #view: SignedInView
  #membership: Membership
  #log: RecoveryLog | undefined
  /** There while what was missed is sent: until then it is in no audience. */
  #recovering: symbol | undefined

  constructor(context: FeedContext, options: FeedOptions) {
    const { dialect, base, rights, link, user } = options
    this.#context = context
    this.#options = options
    this.#view = { dialect, base, rights }
    this.#membership = this.#join()
    this.#catchUp = createCatchUp({
      link,
      after: context.after ?? systemClock.after,
      start: (filters, done) => {
        const view = this.#narrowed(filters)
        return context.catchUps.start({ view, user: user.name, reader: link, done })
      },
    })
  }

  get rights(): Rights {
    return this.#view.rights
  }

  rightsChanged(rights: Rights): void {
    this.#change({ rights })
  }

  /** @throws HubError */
  show({ filters, ...wanted }: Wishes): void {
    const { base } = this.#options
    const shows = { ...this.#view.shows, ...wanted }
    if (shows.positions) this.#openedLog()
    this.#change({ shows, ...(filters && { filters: united([], complete(filters, base)) }) })
  }

  /** @throws HubError */
  subscribe(filters: readonly string[], done: () => void): void {
    const added = complete(filters, this.#options.base)
    this.#change({ filters: united(this.#view.filters ?? [], added) })
    this.#catchUp.ask(added, done)
  }

  unsubscribe(filters: readonly string[]): void {
    const gone = new Set(filters.map((filter) => joinTopic(this.#options.base, filter)))
    const { filters: before } = this.#view
    // Who has named none is told all, of which nothing can be taken.
    if (before === undefined) return
    this.#change({ filters: before.filter((filter) => !gone.has(filter)) })
  }

  catchUp(): void {
    const { link, dialect } = this.#options
    this.#catchUp.ask(undefined, () => {
      const frame = this.#log && dialect.encodePosition?.(this.#log.position)
      if (frame !== undefined) link.send(frame)
    })
  }

  recover(position: string): void {
    const log = this.#openedLog()
    const place = log.placeAfter(position)
    if (typeof place === 'number') this.#beginRecovery(log, place)
    else this.#miss(place.missed, position)
  }

  close(): void {
    this.#recovering = undefined
    this.#membership.leave()
    this.#membership = nobody
    this.#catchUp.close()
    this.#log?.close()
  }

  #openedLog(): RecoveryLog {
    this.#log ??= this.#context.recovery.open(this.#options.base)
    return this.#log
  }

  #join(): Membership {
    const { link } = this.#options
    const isIn = wantsAnything(this.#view) && this.#recovering === undefined
    const membership = isIn ? this.#context.audiences.join(this.#view, link) : nobody
    link.follow(membership)
    return membership
  }

  #rejoin(): void {
    this.#membership.leave()
    this.#membership = this.#join()
  }

  #change(changes: Partial<Pick<SignedInView, 'filters' | 'rights' | 'shows'>>): void {
    this.#view = { ...this.#view, ...changes }
    this.#rejoin()
    this.#catchUp.viewChanged()
  }

  /** The view of what `filters` match, as long as it is wanted. */
  #narrowed(filters: readonly string[] | undefined): View {
    if (filters === undefined) return this.#view
    const { filters: wanted = [] } = this.#view
    return { ...this.#view, filters: filters.filter((filter) => wanted.includes(filter)) }
  }

  #miss(count: number | undefined, after: string): void {
    const { link, dialect } = this.#options
    link.send(dialect.encodeMissed(count, after))
    this.catchUp()
  }

  #beginRecovery(log: RecoveryLog, start: number): void {
    // Whoever comes back is told from the same position on.
    const lose = () => {
      const reason = 'the hub could not tell what was missed'
      this.#options.link.end(closeCodes.defect.code, reason)
    }
    detached(this.#recover(log, start), lose)
  }

  /** Sends what is kept from a place on, as fast as it is read, and then joins the others. */
  async #recover(log: RecoveryLog, start: number): Promise<void> {
    const { link } = this.#options
    const own = Symbol('recovering')
    this.#recovering = own
    this.#rejoin()
    let part = log.partAt(start, this.#view)
    while (part !== undefined && !part.isLast) {
      link.deliver(part.batch)
      await turnOver()
      if (!(await link.hasRoom()) || this.#recovering !== own) return
      part = log.partAt(part.end, this.#view)
    }
    if (part !== undefined) link.deliver(part.batch)
    // In the same breath, so that nothing is between the two.
    this.#recovering = undefined
    this.#rejoin()
    if (part === undefined) this.#miss(undefined, log.position)
  }
}

/** Who wants nothing is in no audience. Who comes and goes is told whatever the filters are. */
function wantsAnything({ filters, shows = {} }: View): boolean {
  return filters?.length !== 0 || shows.presence === true || shows.labels === true
}

/** Filters below `base` as the bus has them. @throws HubError */
function complete(filters: readonly string[], base: string): string[] {
  for (const filter of filters) {
    checkFilter(joinTopic(base, filter))
    if (filter.startsWith('$')) {
      throw new HubError('bad-topic', `expected a filter without $ at its start, got ${filter}`)
    }
  }
  return united(
    [],
    filters.map((filter) => joinTopic(base, filter)),
  )
}

/** Sorted, so that the same filters make the same view. @throws HubError */
function united(some: readonly string[], others: readonly string[]): string[] {
  const all = [...new Set([...some, ...others])].sort()
  if (all.length <= mostFilters) return all
  throw new HubError('too-many', `expected at most ${mostFilters} filters, got ${all.length}`)
}

/** Milliseconds from the end of a catch-up to the next: collecting all values is much work, some are less. */
const pauseMs = { all: 1000, some: 50 }

interface CatchUpTurnOptions {
  readonly link: Pick<WebSocketLink, 'hold' | 'release'>
  readonly after: AlarmClock['after']
  /** Sends all last values, or those that filters match; what it returns ends that before `done` is called. */
  start(filters: readonly string[] | undefined, done: () => void): () => void
}

/** What somebody waits for: all last values, or those that filters match. */
interface Asked {
  readonly filters: readonly string[] | undefined
  done(): void
}

/**
 * Puts past values before the live ones that arrive meanwhile. Whoever asks again too soon is answered
 * by one more round a little later, however often that was.
 */
function createCatchUp({ link, after, start }: CatchUpTurnOptions) {
  let state: 'idle' | 'sending' | 'pausing' = 'idle'
  let asked: Asked[] = []
  let sending: Asked[] = []
  let cancel = () => {}
  const filtersOf = (all: readonly Asked[]) =>
    all.some(({ filters }) => filters === undefined)
      ? undefined
      : all.flatMap(({ filters = [] }) => filters)
  const send = () => {
    state = 'sending'
    sending = asked
    asked = []
    link.hold()
    cancel = start(filtersOf(sending), done)
  }
  const done = () => {
    const told = sending
    sending = []
    // Ahead of what waits: it is about what was before that.
    for (const each of told) each.done()
    link.release()
    state = 'pausing'
    cancel = after(filtersOf(told) === undefined ? pauseMs.all : pauseMs.some, goOn)
  }
  const goOn = () => {
    state = 'idle'
    if (asked.length > 0) send()
  }
  return {
    ask: (filters: readonly string[] | undefined, done: () => void) => {
      // However often all of it is asked for, it is sent once.
      if (filters === undefined) asked = asked.filter((each) => each.filters !== undefined)
      asked.push({ filters, done })
      if (state === 'idle') send()
    },
    /** What was sent so far may lack something now. */
    viewChanged: () => {
      if (state !== 'sending') return
      cancel()
      cancel = start(filtersOf(sending), done)
    },
    close: () => cancel(),
  }
}
