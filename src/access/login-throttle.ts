import { LRUCache } from 'lru-cache'
import type { Config } from '../generated/config.ts'
import { addressGroup, isLoopback } from './address.ts'
import { type FailureLimits, FailureTally } from './failure-tally.ts'

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
 * Keeps guesses few. Three tallies count what fails: of the address, of the user name, and of the name
 * at that address, which has half of what the name has. So one address cannot use up the guesses of
 * a name and lock its user out elsewhere. An address from where a user has signed in before has only
 * that third tally: however many others guess, that user gets in from there.
 *
 * What pages of foreign origins try counts against their origin, and at an address apart from what else comes
 * from there: so a page that somebody visits neither guesses for ever nor locks its user out.
 *
 * Whoever is on this machine already is never locked out: past the limit of failures, each attempt from
 * a loopback address takes a second longer, and no more than `checksWaiting` of them wait at once.
 *
 * All tables are bounded; who has enough addresses or names to fill one makes it forget the oldest.
 */
export interface LoginThrottle {
  begin(user: string, address: string, foreignOrigin?: string): Attempt | Refused
  /**
   * The same, but where only others stand in the way who try at this moment, it waits for them: many who
   * come back at once from behind one address are let in one after another. `busy` when too many wait.
   */
  turn(user: string, address: string, foreignOrigin?: string): Promise<Attempt | Refused | 'busy'>
}

/** How many addresses, names, and names at addresses are kept in mind, each. */
const maxKept = 4096

const loopbackDelayMs = 1000

export function createLoginThrottle(options: LoginThrottleOptions): LoginThrottle {
  const { exemptLoopback } = options.limits.connections
  const here = createLoopbackThrottle(options)
  const elsewhere = createRemoteThrottle(options)
  const isExempt = (address: string, origin: string | undefined) =>
    exemptLoopback && isLoopback(address) && origin === undefined
  return {
    begin: (user, address, origin) =>
      isExempt(address, origin)
        ? here()
        : elsewhere.begin({ user, there: addressGroup(address), origin }),
    turn: async (user, address, origin) =>
      isExempt(address, origin)
        ? here()
        : elsewhere.turn({ user, there: addressGroup(address), origin }),
  }
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

function createRemoteThrottle({ limits: { signIn }, now }: LoginThrottleOptions) {
  const tallies = (limits: FailureLimits) =>
    new LRUCache<string, FailureTally>({
      max: maxKept,
      memoMethod: () => new FailureTally(limits),
    })
  const ofUserLimits = userLimits(signIn)
  const ofAddress = tallies(addressLimits(signIn))
  const ofOrigin = tallies(addressLimits(signIn))
  const ofUser = tallies(ofUserLimits)
  const half = Math.floor(ofUserLimits.failures / 2)
  const ofUserThere = tallies({ ...ofUserLimits, failures: half })
  // Only who succeeds gets in here, so that strangers cannot push anybody out.
  const succeeded = new LRUCache<string, true>({ max: maxKept })

  const talliesOf = ({ user, there, origin }: Source) => {
    const userThere = JSON.stringify([user, there, origin])
    if (succeeded.has(userThere)) return { userThere, all: [ofUserThere.memo(userThere)] }
    if (origin === undefined) {
      const all = [ofAddress.memo(there), ofUser.memo(user), ofUserThere.memo(userThere)]
      return { userThere, all }
    }
    // A program can name any number of origins, so they share what the address has.
    const pages = `pages at ${there}`
    const own = ofUserThere.memo(JSON.stringify([user, pages]))
    return {
      userThere,
      all: [ofOrigin.memo(origin), ofAddress.memo(pages), ofUser.memo(user), own],
    }
  }
  const begin = (source: Source): Attempt | Refused => {
    const { userThere, all } = talliesOf(source)
    const waitMs = Math.max(...all.map((tally) => tally.waitMs(now())))
    if (waitMs > 0) return { waitMs }
    for (const tally of all) tally.begin()
    return {
      delayMs: 0,
      end: (result) => {
        for (const tally of all) tally.end(result === 'wrong', now())
        if (result === 'right') {
          succeeded.set(userThere, true)
          all.at(-1)?.reset()
        }
        line.ended(source)
      },
    }
  }
  const isCrowded = (source: Source) => {
    const blocking = talliesOf(source).all.filter((tally) => tally.waitMs(now()) > 0)
    return blocking.length > 0 && blocking.every((tally) => tally.isCrowded(now()))
  }
  const line = createLine({ begin, isCrowded, places: signIn.checksWaiting })
  return { begin, turn: line.turn }
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
