import { LRUCache } from 'lru-cache'
import type { SampledLog } from '../core/sampled-log.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Config } from '../generated/config.ts'
import { addressGroup, isLoopback } from './address.ts'

/** What the gate needs of a TCP connection; a socket has it. */
export interface Connection {
  readonly remoteAddress?: string | undefined
  once(event: 'close', listener: () => void): unknown
}

/** What stands in the way of a connection: a key of `limits.connections`, or memory. */
export type ConnectionLimit =
  | 'memory'
  | Exclude<keyof Config['limits']['connections'], 'acceptBurst' | 'exemptLoopback'>

export interface ConnectionGateOptions {
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
export interface ConnectionGate {
  /**
   * Takes a new connection in, or answers the limit it is past: the caller ends it then. That of a
   * proxy belongs to no address until `forward` tells for whom it is.
   */
  admit(connection: Connection, from?: 'client' | 'proxy'): ConnectionLimit | undefined
  /**
   * Counts a proxy's connection for the address whose request it carries now, or answers the limit
   * that address is past: the caller refuses the request then.
   */
  forward(connection: object, request: ForwardedRequest): ConnectionLimit | undefined
  /** Lets `secure`, the TLS socket on an admitted `connection`, stand for it. */
  secured(secure: object, connection: Connection): void
  /** What came on a connection makes sense: it does not count among those that came to nothing. */
  understood(connection: object): void
  /**
   * Notes whose connection it is, which has to be one that was admitted: of a request, its socket.
   * False when that user has too many, or the connection has closed: the caller ends it then.
   */
  signedIn(connection: object, user: string): boolean
}

/** Files and sockets that are not clients: listeners, what Node itself holds, logs and the store. */
const reservedFiles = 48

export function createConnectionGate(options: ConnectionGateOptions): ConnectionGate {
  const { limits, isShortOfMemory, sampledLog, now = () => performance.now() } = options
  const maxTotal = Math.min(limits.total, Math.max(1, options.maxOpenFiles - reservedFiles))
  const addresses = createAddressTable(limits, now)
  const tickets = new WeakMap<object, Ticket>()
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
  const enter = (connection: Connection, use: AddressUse | undefined) => {
    const ticket = tally.enter(use)
    tickets.set(connection, ticket)
    connection.once('close', () => {
      tickets.delete(connection)
      const { use: last } = ticket
      if (!ticket.isUnderstood) last?.failures.take()
      tally.leave(ticket)
      addresses.settle(last)
    })
  }
  return {
    admit: (connection, from) => {
      const address = connection.remoteAddress ?? 'unknown'
      const use = from === 'proxy' ? undefined : addresses.of(address)
      const limit = limitPast(use)
      if (limit === undefined) enter(connection, use)
      else refuse(limit, { address })
      addresses.settle(use)
      return limit
    },
    forward: (connection, { address, isUpgrade }) => {
      const ticket = tickets.get(connection)
      // Closed, or refused when it came.
      if (ticket === undefined) return undefined
      const { use: last } = ticket
      release(ticket)
      addresses.settle(last)
      const use = addresses.of(address)
      const limit = use && (isUpgrade ? addressLimitPast(use, limits) : openLimitPast(use, limits))
      if (limit === undefined) hold(ticket, use, isUpgrade)
      else refuse(limit, { address })
      addresses.settle(use)
      return limit
    },
    secured: (secure, connection) => {
      const ticket = tickets.get(connection)
      if (ticket === undefined) return
      tickets.set(secure, ticket)
      connection.once('close', () => tickets.delete(secure))
    },
    understood: (connection) => noteUnderstood(tickets.get(connection)),
    signedIn: (connection, user) => {
      const ticket = tickets.get(connection)
      if (ticket === undefined) return false
      if (ticket.user !== undefined) return ticket.user === user
      const hasRoom = tally.openOf(user) < limits.perUser
      if (hasRoom) tally.signIn(ticket, user)
      else refuse('perUser', { user })
      return hasRoom
    },
  }
}

type Limits = ConnectionGateOptions['limits']

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
interface Ticket {
  /** Undefined when no limit per address applies. */
  use: AddressUse | undefined
  /** Whether it counts among those of its address that have not signed in. */
  isPending: boolean
  /** Whether anything sensible came on it. */
  isUnderstood: boolean
  user?: string
}

/** Counts the connection of a ticket for an address. */
function hold(ticket: Ticket, use: AddressUse | undefined, isPending: boolean): void {
  ticket.use = use
  ticket.isPending = isPending
  if (use === undefined) return
  use.open++
  if (isPending) use.unauthenticated++
}

function noteUnderstood(ticket: Ticket | undefined): void {
  if (ticket !== undefined) ticket.isUnderstood = true
}

function release(ticket: Ticket): void {
  const { use } = ticket
  noLongerPending(ticket)
  if (use) use.open--
  ticket.use = undefined
}

function noLongerPending(ticket: Ticket): void {
  if (ticket.use && ticket.isPending) ticket.use.unauthenticated--
  ticket.isPending = false
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
    enter: (use: AddressUse | undefined): Ticket => {
      open++
      unauthenticated++
      const ticket: Ticket = { use, isPending: false, isUnderstood: false }
      hold(ticket, use, true)
      return ticket
    },
    signIn: (ticket: Ticket, user: string) => {
      ticket.user = user
      unauthenticated--
      noLongerPending(ticket)
      countUser(user, 1)
    },
    leave: (ticket: Ticket) => {
      open--
      if (ticket.user === undefined) unauthenticated--
      else countUser(ticket.user, -1)
      release(ticket)
    },
  }
}
