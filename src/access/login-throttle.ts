import { LRUCache } from 'lru-cache'
import type { Config } from '../generated/config.ts'
import { addressGroup, isLoopback } from './address.ts'
import { type FailureLimits, FailureTallies, FailureTally } from './failure-tally.ts'

type Limits = Readonly<Config['limits']>

export interface LoginThrottleOptions {
  readonly limits: Pick<Limits, 'signIn' | 'connections'>
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/** How an attempt ended: `unchecked` when the password was not looked at. */
export type AttemptResult = 'right' | 'wrong' | 'unchecked'

/** An attempt that may go on after `delayMs`; `end` has to be called. */
export interface Attempt {
  readonly delayMs: number
  end(result: AttemptResult): void
}

/** An attempt that may not go on, and how long until one may. */
export interface Refused {
  readonly waitMs: number
}

/**
 * Keeps guesses few. Two tallies count what fails at a name: everywhere, and at one address, which has half of that. So
 * one address cannot use up the guesses of a name and lock its user out elsewhere. An address from where a user has
 * signed in before has only the second one: however many others guess, that user gets in from there.
 *
 * One address may be a class, or a container bridge: once too many have failed there, who comes from there is let
 * through a few times a second, and waits for that no longer than two seconds.
 *
 * What pages of foreign origins try counts against their origin, and at an address apart from what else comes
 * from there: so a page that somebody visits neither guesses for ever nor locks its user out.
 *
 * Whoever is on this machine already is never locked out: past the limit of failures, each attempt from
 * a loopback address takes a second longer, and no more than `checksWaiting` of them wait at once.
 */
export interface LoginThrottle {
  begin(user: string, address: string, foreignOrigin?: string): Attempt | Refused
  /**
   * The same, but where only others stand in the way who try at this moment, it waits for them: many who
   * come back at once from behind one address are let in one after another. `busy` when too many wait.
   */
  turn(user: string, address: string, foreignOrigin?: string): Promise<Attempt | Refused | 'busy'>
  /** Whether `user` has signed in from there: what is known to be right has to wait for nobody's guesses. */
  mayPass(user: string, address: string): boolean
  /** Whether anybody has signed in from there. */
  isAcquainted(address: string): boolean
}

/** How many names at addresses where they were right, and such addresses, are kept in mind. */
const maxKept = 4096

const loopbackDelayMs = 1000

export function createLoginThrottle(options: LoginThrottleOptions): LoginThrottle {
  const { exemptLoopback } = options.limits.connections
  const here = createLoopbackThrottle(options)
  const elsewhere = createRemoteThrottle(options)
  // Only who succeeds gets in here, so that strangers cannot push anybody out.
  const acquainted = new LRUCache<string, true>({ max: maxKept })
  const isExempt = (address: string, origin: string | undefined) =>
    exemptLoopback && isLoopback(address) && origin === undefined
  const followed = <Other>(turn: Attempt | Other, there: string): Attempt | Other => {
    if (!isAttempt(turn)) return turn
    const end = (result: AttemptResult) => {
      if (result === 'right') acquainted.set(there, true)
      turn.end(result)
    }
    return { delayMs: turn.delayMs, end }
  }
  return {
    begin: (user, address, origin) => {
      const there = addressGroup(address)
      if (isExempt(address, origin)) return followed(here(), there)
      return followed(elsewhere.begin({ user, there, origin }), there)
    },
    turn: async (user, address, origin) => {
      const there = addressGroup(address)
      if (isExempt(address, origin)) return followed(here(), there)
      return followed(await elsewhere.turn({ user, there, origin }), there)
    },
    mayPass: (user, address) =>
      isExempt(address, undefined) || elsewhere.mayPass({ user, there: addressGroup(address) }),
    isAcquainted: (address) => acquainted.has(addressGroup(address)),
  }
}

function isAttempt<Other>(turn: Attempt | Other): turn is Attempt {
  return typeof turn === 'object' && turn !== null && 'end' in turn
}

function createLoopbackThrottle({ limits: { signIn }, now }: LoginThrottleOptions) {
  const tally = new FailureTally(addressLimits(signIn))
  let delayed = 0
  return (): Attempt | Refused => {
    const delayMs = tally.waitMs(now()) > 0 ? loopbackDelayMs : 0
    if (delayMs > 0 && delayed >= signIn.checksWaiting) return { waitMs: loopbackDelayMs }
    if (delayMs > 0) delayed++
    return {
      delayMs,
      end: (result) => {
        if (delayMs > 0) delayed--
        if (result === 'wrong') tally.fail(now())
      },
    }
  }
}

/** A tally that stands in the way of somebody, or will. */
interface Counted {
  readonly tallies: FailureTallies
  readonly name: string
}

/** Who is right may be tried so often while an address is slowed down, and no oftener: a guess would be, too. */
const passes = 100

function createRemoteThrottle({ limits: { signIn }, now }: LoginThrottleOptions) {
  const ofUserLimits = userLimits(signIn)
  const half = Math.floor(ofUserLimits.failures / 2)
  const ofAddress = new FailureTallies(addressLimits(signIn))
  const ofOrigin = new FailureTallies(addressLimits(signIn))
  const ofUser = new FailureTallies(ofUserLimits)
  const ofUserThere = new FailureTallies({ ...ofUserLimits, failures: half })
  const refusedThere = new FailureTallies({ ...addressLimits(signIn), failures: passes })
  // Only who succeeds gets in here, so that strangers cannot push anybody out.
  const succeeded = new LRUCache<string, true>({ max: maxKept })
  const pace = createPace(now)

  const countedFor = ({ user, there, origin }: Source): Counted[] => {
    const userThere = { tallies: ofUserThere, name: JSON.stringify([user, there, origin]) }
    if (succeeded.has(userThere.name)) return [userThere]
    if (origin === undefined) return [{ tallies: ofUser, name: user }, userThere]
    // A program can name any number of origins, so they share what the address has.
    const pages = `pages at ${there}`
    return [
      { tallies: ofOrigin, name: origin },
      { tallies: ofAddress, name: pages },
      { tallies: ofUser, name: user },
      { tallies: ofUserThere, name: JSON.stringify([user, pages]) },
    ]
  }
  /** That of the address counts for those who have not signed in from there, and are there themselves. */
  const addressOf = ({ user, there, origin }: Source): Counted[] => {
    const isKnown = succeeded.has(JSON.stringify([user, there, origin]))
    return isKnown || origin !== undefined ? [] : [{ tallies: ofAddress, name: there }]
  }
  const isSlow = ({ tallies, name }: Counted) => tallies.find(name)?.isOver(now()) === true
  const waitMsOf = ({ tallies, name }: Counted) => tallies.find(name)?.waitMs(now()) ?? 0
  const begin = (source: Source): Attempt | Refused => {
    const address = addressOf(source)
    const own = countedFor(source)
    const blocking = [...own, ...address.filter((each) => !isSlow(each))]
    const waitMs = Math.max(...blocking.map(waitMsOf))
    const delayMs = waitMs === 0 && address.some(isSlow) ? pace.delayMs(source.there) : 0
    if (waitMs > 0 || delayMs === undefined) {
      refusedThere.at(source.there).fail(now())
      return { waitMs: Math.max(waitMs, leastWaitMs) }
    }
    const all = [...address, ...own]
    for (const { tallies, name } of all) tallies.at(name).begin()
    return { delayMs, end: (result) => ended(source, all, result) }
  }
  const ended = (source: Source, all: readonly Counted[], result: AttemptResult) => {
    for (const { tallies, name } of all) tallies.at(name).end(result === 'wrong', now())
    if (result === 'right') {
      const { user, there, origin } = source
      succeeded.set(JSON.stringify([user, there, origin]), true)
      const last = all.at(-1)
      last?.tallies.find(last.name)?.reset()
    }
    for (const { tallies, name } of all) tallies.settle(name, now())
    line.ended(source)
  }
  const isCrowded = (source: Source) => {
    const all = [...countedFor(source), ...addressOf(source).filter((each) => !isSlow(each))]
    const blocking = all.filter((each) => waitMsOf(each) > 0)
    const isFull = ({ tallies, name }: Counted) => tallies.find(name)?.isCrowded(now()) === true
    return blocking.length > 0 && blocking.every(isFull)
  }
  const line = createLine({ begin, isCrowded, places: signIn.checksWaiting })
  return {
    begin,
    turn: line.turn,
    mayPass: ({ user, there }: Pick<Source, 'user' | 'there'>) =>
      succeeded.has(JSON.stringify([user, there, undefined])) &&
      refusedThere.find(there)?.isOver(now()) !== true,
  }
}

/** So long whoever is refused is to wait at least. */
const leastWaitMs = 1000

/** Between two attempts of an address that is slowed down. */
const paceMs = 200

/** So long one of them waits at most; who would wait longer is refused. */
const longestPaceMs = 2000

/** Gives those of one address turns, one after another. */
function createPace(now: () => number) {
  const lastTurnMs = new LRUCache<string, number>({ max: maxKept })
  return {
    /** Milliseconds until the turn of one more; undefined when that is too long. */
    delayMs: (there: string): number | undefined => {
      const turnMs = Math.max(now(), (lastTurnMs.get(there) ?? Number.NEGATIVE_INFINITY) + paceMs)
      const delayMs = turnMs - now()
      if (delayMs > longestPaceMs) return undefined
      lastTurnMs.set(there, turnMs)
      return delayMs
    },
  }
}

/** Who tries, and from where: an address, and the page there if it is one of a stranger. */
interface Source {
  readonly user: string
  readonly there: string
  readonly origin: string | undefined
}

interface LineOptions {
  begin(source: Source): Attempt | Refused
  isCrowded(source: Source): boolean
  readonly places: number
}

/** Those who wait for others to have tried, in the order they came. */
function createLine({ begin, isCrowded, places }: LineOptions) {
  const line = new Set<{ readonly source: Source; resolve(turn: Attempt | Refused): void }>()
  return {
    turn: async (source: Source): Promise<Attempt | Refused | 'busy'> => {
      if (!isCrowded(source)) return begin(source)
      if (line.size >= places) return 'busy'
      return new Promise((resolve) => line.add({ source, resolve }))
    },
    /** An attempt has made room for one more who has to do with it, or for none of them for a while. */
    ended: ({ user, there }: Source): void => {
      for (const waiting of line) {
        const { source } = waiting
        const isConcerned = source.user === user || source.there === there
        if (!isConcerned || isCrowded(source)) continue
        line.delete(waiting)
        const turn = begin(source)
        waiting.resolve(turn)
        if ('end' in turn) return
      }
    },
  }
}

function addressLimits(limits: Limits['signIn']): FailureLimits {
  const { failuresPerAddress, addressWindowSeconds, longestDelaySeconds } = limits
  return {
    failures: failuresPerAddress,
    windowMs: addressWindowSeconds * 1000,
    longestDelayMs: longestDelaySeconds * 1000,
  }
}

function userLimits(limits: Limits['signIn']): FailureLimits {
  const { failuresPerUser, userWindowSeconds, longestDelaySeconds } = limits
  return {
    failures: failuresPerUser,
    windowMs: userWindowSeconds * 1000,
    longestDelayMs: longestDelaySeconds * 1000,
  }
}
