import { LRUCache } from 'lru-cache'
import type { HttpError } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Config } from '../generated/config.ts'
import { addressGroup, isLoopback } from './address.ts'

/** What the connection limiter needs of a TCP connection; a socket has it. */
export interface TcpConnection {
  readonly remoteAddress?: string | undefined
  once(event: 'close', listener: () => void): unknown
}

/** What stands in the way of a connection: a key of `limits.connections`, or memory. */
export type ConnectionLimit =
  | 'memory'
  | Exclude<keyof Config['limits']['connections'], 'acceptBurst' | 'exemptLoopback'>

/** An honest client that is turned away for a while is told so. */
export const tooManyConnections: HttpError = {
  status: 503,
  reason: 'expected fewer connections: try again later',
  headers: { 'Retry-After': '5' },
}

export interface ConnectionLimiterOptions {
  readonly limits: Readonly<Config['limits']['connections']>
  /** How many files and sockets this process may have open. */
  readonly maxOpenFiles: number
  isShortOfMemory(): boolean
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** A request that a proxy passes on. */
export interface ForwardedRequest {
  /** Where it comes from. */
  readonly address: string
  /** An upgrade keeps the connection; other requests take it for a moment. */
  readonly isUpgrade: boolean
}

/** Counts connections of every kind, from the moment they are accepted until they close. */
export interface ConnectionLimiter {
  /**
   * Takes a new connection in, or returns the limit it is past: the caller ends it then. That of a
   * proxy belongs to no address until `forward` tells for whom it is.
   */
  accept(connection: TcpConnection, from?: 'client' | 'proxy'): ConnectionLimit | undefined
  /**
   * Counts a proxy's connection for the address whose request it carries now, or returns the limit
   * that address is past: the caller refuses the request then.
   */
  forward(connection: object, request: ForwardedRequest): ConnectionLimit | undefined
  /** Lets `secure`, the TLS socket on an accepted `connection`, stand for it. */
  secured(secure: object, connection: TcpConnection): void
  /** What came on a connection makes sense: it does not count among those that came to nothing. */
  understood(connection: object): void
  /**
   * Notes whose connection it is, which has to be one that was accepted: of a request, its socket.
   * False when that user has too many, or the connection has closed: the caller ends it then.
   */
  signedIn(connection: object, user: string): boolean
}

/** Files and sockets that are not clients: listeners, what Node itself holds, logs and the store. */
const reservedFiles = 48

export function createConnectionLimiter(options: ConnectionLimiterOptions): ConnectionLimiter {
  const { limits, isShortOfMemory, sampledLog, now = () => performance.now() } = options
  const maxTotal = Math.min(limits.total, Math.max(1, options.maxOpenFiles - reservedFiles))
  const addresses = createAddressTable(limits, now)
  const countedOf = new WeakMap<object, Counted>()
  const tally = createTally()

  const limitPast = (use: AddressUse | undefined): ConnectionLimit | undefined => {
    if (isShortOfMemory()) return 'memory'
    if (tally.open >= maxTotal) return 'total'
    if (tally.unauthenticated >= limits.unauthenticated) return 'unauthenticated'
    return use && addressLimitPast(use, limits)
  }
  const refuse = (limit: ConnectionLimit, fields: { address?: string; user?: string }) => {
    const kind = limit === 'memory' ? 'memory-refused' : 'connections-refused'
    sampledLog.warn(kind, { limit, ...fields }, 'a connection was refused')
  }
  const count = (connection: TcpConnection, use: AddressUse | undefined) => {
    const counted = tally.opened(use)
    countedOf.set(connection, counted)
    connection.once('close', () => {
      countedOf.delete(connection)
      const { use: last } = counted
      if (!counted.isUnderstood) last?.failures.take()
      tally.closed(counted)
      addresses.settle(last)
    })
  }
  return {
    accept: (connection, from) => {
      const address = connection.remoteAddress ?? 'unknown'
      const use = from === 'proxy' ? undefined : addresses.of(address)
      const limit = limitPast(use)
      if (limit === undefined) count(connection, use)
      else refuse(limit, { address })
      addresses.settle(use)
      return limit
    },
    forward: (connection, { address, isUpgrade }) => {
      const counted = countedOf.get(connection)
      // Closed, or refused when it came.
      if (counted === undefined) return undefined
      const { use: last } = counted
      release(counted)
      addresses.settle(last)
      const use = addresses.of(address)
      const limit = use && (isUpgrade ? addressLimitPast(use, limits) : openLimitPast(use, limits))
      if (limit === undefined) hold(counted, use, isUpgrade)
      else refuse(limit, { address })
      addresses.settle(use)
      return limit
    },
    secured: (secure, connection) => {
      const counted = countedOf.get(connection)
      if (counted === undefined) return
      countedOf.set(secure, counted)
      connection.once('close', () => countedOf.delete(secure))
    },
    understood: (connection) => noteUnderstood(countedOf.get(connection)),
    signedIn: (connection, user) => {
      const counted = countedOf.get(connection)
      if (counted === undefined) return false
      if (counted.user !== undefined) return counted.user === user
      const hasRoom = tally.openOf(user) < limits.perUser
      if (hasRoom) tally.signIn(counted, user)
      else refuse('perUser', { user })
      return hasRoom
    },
  }
}

type Limits = ConnectionLimiterOptions['limits']

/** What one address holds at the moment. */
interface AddressUse {
  readonly address: string
  /** For connections that came to nothing. */
  readonly failures: TokenBucket
  open: number
  unauthenticated: number
}

/**
 * How many addresses without a connection keep their rate in mind. An attacker with more networks
 * than this pushes the oldest out, who then start with a full burst.
 */
const maxIdle = 4096

/** Remembers addresses while they hold connections, and the latest of those that hold none. */
function createAddressTable(limits: Limits, now: () => number) {
  const { acceptsPerMinute, acceptBurst, exemptLoopback } = limits
  const busy = new Map<string, AddressUse>()
  const idle = new LRUCache<string, AddressUse>({ max: maxIdle })
  const create = (address: string) => {
    const failures = new TokenBucket({ perSecond: acceptsPerMinute / 60, burst: acceptBurst, now })
    return { address, failures, open: 0, unauthenticated: 0 }
  }
  return {
    /** Undefined for one that the limits per address do not apply to. */
    of: (address: string): AddressUse | undefined => {
      if (exemptLoopback && isLoopback(address)) return undefined
      const group = addressGroup(address)
      return busy.get(group) ?? idle.get(group) ?? create(group)
    },
    /** To be called whenever a use may have begun or become empty. */
    settle: (use: AddressUse | undefined): void => {
      if (use === undefined) return
      const [from, to] = use.open > 0 ? [idle, busy] : [busy, idle]
      from.delete(use.address)
      to.set(use.address, use)
    },
  }
}

function openLimitPast(use: AddressUse, { perAddress }: Limits): ConnectionLimit | undefined {
  return use.open >= perAddress ? 'perAddress' : undefined
}

/** Who behaves is never kept out by how often: only what came to nothing counts in the rate. */
function addressLimitPast(use: AddressUse, limits: Limits): ConnectionLimit | undefined {
  const limit = openLimitPast(use, limits)
  if (limit !== undefined) return limit
  if (use.unauthenticated >= limits.unauthenticatedPerAddress) return 'unauthenticatedPerAddress'
  return use.failures.waitMs() === 0 ? undefined : 'acceptsPerMinute'
}

/** An open connection. */
interface Counted {
  /** Undefined when no limit per address applies. */
  use: AddressUse | undefined
  /** Whether it counts among those of its address that have not signed in. */
  isPending: boolean
  /** Whether anything sensible came on it. */
  isUnderstood: boolean
  user?: string
}

/** Counts a connection for an address. */
function hold(counted: Counted, use: AddressUse | undefined, isPending: boolean): void {
  counted.use = use
  counted.isPending = isPending
  if (use === undefined) return
  use.open++
  if (isPending) use.unauthenticated++
}

function noteUnderstood(counted: Counted | undefined): void {
  if (counted !== undefined) counted.isUnderstood = true
}

function release(counted: Counted): void {
  const { use } = counted
  noLongerPending(counted)
  if (use) use.open--
  counted.use = undefined
}

function noLongerPending(counted: Counted): void {
  if (counted.use && counted.isPending) counted.use.unauthenticated--
  counted.isPending = false
}

/** How many connections are open: of all, of those who have not signed in, and by user. */
function createTally() {
  const openOfUser = new Map<string, number>()
  let open = 0
  let unauthenticated = 0
  const countUser = (user: string, step: 1 | -1) => {
    const ofUser = (openOfUser.get(user) ?? 0) + step
    if (ofUser > 0) openOfUser.set(user, ofUser)
    else openOfUser.delete(user)
  }
  return {
    get open() {
      return open
    },
    get unauthenticated() {
      return unauthenticated
    },
    openOf: (user: string) => openOfUser.get(user) ?? 0,
    opened: (use: AddressUse | undefined): Counted => {
      open++
      unauthenticated++
      const counted: Counted = { use, isPending: false, isUnderstood: false }
      hold(counted, use, true)
      return counted
    },
    signIn: (counted: Counted, user: string) => {
      counted.user = user
      unauthenticated--
      noLongerPending(counted)
      countUser(user, 1)
    },
    closed: (counted: Counted) => {
      open--
      if (counted.user === undefined) unauthenticated--
      else countUser(counted.user, -1)
      release(counted)
    },
  }
}
