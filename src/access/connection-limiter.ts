import { LRUCache } from 'lru-cache'
import type { HttpError } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Config } from '../generated/config.ts'
import { addressGroup, addressNetwork, isLoopback } from './address.ts'
import type { User } from './user.ts'

/** What the connection limiter needs of a TCP connection; a socket has it. */
export interface TcpConnection {
  readonly remoteAddress?: string | undefined
  once(event: 'close', listener: () => void): unknown
  /** Cuts it: it makes way for another one. */
  destroy(): unknown
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
   * False when that user has too many, memory is short, or the connection has closed: the caller ends it then.
   */
  signedIn(connection: object, user: Pick<User, 'name' | 'role'>): boolean
}

/** Files and sockets that are not clients: listeners, what Node itself holds, logs and the store. */
const reservedFiles = 48

/**
 * Where those who have not signed in are too many, the oldest of them that has said nothing gives way, of whoever has
 * most of them: who says nothing keeps nobody out. Addresses where somebody has signed in before give way last.
 */
export function createConnectionLimiter(options: ConnectionLimiterOptions): ConnectionLimiter {
  const { limits, sampledLog, now = () => performance.now() } = options
  const addresses = createAddressTable(limits, now)
  const countedOf = new WeakMap<object, Counted>()
  const tally = createTally()
  const leave = (counted: Counted) => {
    const { use } = counted
    countedOf.delete(counted.connection)
    tally.closed(counted)
    addresses.settle(use)
  }
  const pastLimits = createPastLimits(options, { addresses, tally, leave })
  const refuse = (limit: ConnectionLimit, fields: { address?: string; user?: string }) => {
    const kind = limit === 'memory' ? 'memory-refused' : 'connections-refused'
    sampledLog.warn(kind, { limit, ...fields }, 'a connection was refused')
  }
  const count = (connection: TcpConnection, use: AddressUse) => {
    const counted = tally.opened(connection, use)
    countedOf.set(connection, counted)
    connection.once('close', () => {
      if (!counted.isUnderstood) counted.use.failures.take()
      if (counted.isOpen) leave(counted)
    })
  }
  return {
    accept: (connection, from) => {
      const address = connection.remoteAddress ?? 'unknown'
      const use = from === 'proxy' ? addresses.ofProxy(address) : addresses.of(address)
      const limit = pastLimits.ofNewcomer(use)
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
      const limit = isUpgrade ? pastLimits.ofAddress(use) : pastLimits.ofOpen(use)
      hold(counted, limit === undefined ? use : last)
      if (limit !== undefined) refuse(limit, { address })
      for (const each of [last, use]) addresses.settle(each)
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
      // One that gave way, or is closing.
      if (counted?.isOpen !== true) return false
      if (counted.user !== undefined) return counted.user === user.name
      const limit = pastLimits.ofUser(user)
      if (limit === undefined) {
        tally.signIn(counted, user.name)
        addresses.acquaint(counted.use)
      } else refuse(limit, { user: user.name })
      return limit === undefined
    },
  }
}

type Limits = ConnectionLimiterOptions['limits']

interface Counts {
  readonly addresses: ReturnType<typeof createAddressTable>
  readonly tally: ReturnType<typeof createTally>
  leave(counted: Counted): void
}

/** Which limit stands in the way of one more, though others give way where they can. */
function createPastLimits(options: ConnectionLimiterOptions, { addresses, tally, leave }: Counts) {
  const { limits, sampledLog, isShortOfMemory } = options
  const maxTotal = Math.min(limits.total, Math.max(1, options.maxOpenFiles - reservedFiles))
  /** Whether one was there to give way. */
  const hasGivenWay = (limit: ConnectionLimit, counted: Counted | undefined): boolean => {
    if (counted === undefined) return false
    const { address } = counted.use
    sampledLog.warn('connections-given-way', { limit, address }, 'a connection gave way to another')
    leave(counted)
    counted.connection.destroy()
    return true
  }
  const ofOpen = (use: AddressUse): ConnectionLimit | undefined => {
    const isFull = !use.isExempt && use.open >= limits.perAddress
    return isFull && !hasGivenWay('perAddress', oldestSilent(use)) ? 'perAddress' : undefined
  }
  const ofAddress = (use: AddressUse): ConnectionLimit | undefined => {
    const limit = ofOpen(use)
    if (limit !== undefined || use.isExempt) return limit
    const isFull = use.waiting.size >= limits.unauthenticatedPerAddress
    if (isFull && !hasGivenWay('unauthenticatedPerAddress', oldestSilent(use))) {
      return 'unauthenticatedPerAddress'
    }
    // Who behaves is never kept out by how often: only what came to nothing counts in the rate.
    return use.isAcquainted || use.failures.waitMs() === 0 ? undefined : 'acceptsPerMinute'
  }
  return {
    ofOpen,
    ofAddress,
    ofNewcomer: (use: AddressUse): ConnectionLimit | undefined => {
      const fullest = () => fullestOf(addresses.busy(), use)
      if (tally.open >= maxTotal && !hasGivenWay('total', fullest())) return 'total'
      const isFull = tally.unauthenticated >= limits.unauthenticated
      if (isFull && !hasGivenWay('unauthenticated', fullest())) return 'unauthenticated'
      return ofAddress(use)
    },
    ofUser: ({ name, role }: Pick<User, 'name' | 'role'>): ConnectionLimit | undefined => {
      // Those who can help, and those whom the others are there for, always get in.
      const isNeeded = role === 'admin' || role === 'node'
      if (isShortOfMemory() && !isNeeded) return 'memory'
      return tally.openOf(name) >= limits.perUser ? 'perUser' : undefined
    },
  }
}

/** What one address holds at the moment. */
interface AddressUse {
  readonly address: string
  /** What whoever has that address may have more of. */
  readonly network: string
  /** Whether limits per address do not apply. */
  readonly isExempt: boolean
  /** For connections that came to nothing. */
  readonly failures: TokenBucket
  /** Whether somebody has signed in from there. */
  isAcquainted: boolean
  open: number
  /** Those that have not signed in, the oldest first. */
  readonly waiting: Set<Counted>
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
  // Only who succeeds gets in here, so that strangers cannot push anybody out.
  const acquainted = new LRUCache<string, true>({ max: maxIdle })
  const create = (address: string, isExempt: boolean): AddressUse => ({
    address,
    network: isExempt ? address : addressNetwork(address),
    isExempt,
    failures: new TokenBucket({ perSecond: acceptsPerMinute / 60, burst: acceptBurst, now }),
    isAcquainted: acquainted.has(address),
    open: 0,
    waiting: new Set(),
  })
  const find = (address: string, isExempt: boolean) =>
    busy.get(address) ?? idle.get(address) ?? create(address, isExempt)
  return {
    of: (address: string): AddressUse =>
      find(addressGroup(address), exemptLoopback && isLoopback(address)),
    /** What a proxy holds for nobody yet. */
    ofProxy: (address: string): AddressUse => find(`proxy ${address}`, true),
    busy: () => busy.values(),
    /** Somebody has signed in from there. */
    acquaint: (use: AddressUse): void => {
      use.isAcquainted = true
      acquainted.set(use.address, true)
    },
    /** To be called whenever a use may have begun or become empty. */
    settle: (use: AddressUse): void => {
      const [from, to] = use.open > 0 ? [idle, busy] : [busy, idle]
      from.delete(use.address)
      to.set(use.address, use)
    },
  }
}

/**
 * The connection that gives way to one from `newcomer`: of the network that has most of those that have not signed in, the
 * oldest that said nothing. One that waits for an answer gives way only to a network that has fewer than its own: many
 * who come back at once wait in line, and do not push each other out.
 */
function fullestOf(uses: Iterable<AddressUse>, newcomer: AddressUse): Counted | undefined {
  const networks = new Map<string, { isAcquainted: boolean; waiting: number; uses: AddressUse[] }>()
  for (const use of uses) {
    const { network: name, isAcquainted } = use
    const key = `${isAcquainted} ${name}`
    const network = networks.get(key) ?? { isAcquainted, waiting: 0, uses: [] }
    networks.set(key, network)
    network.waiting += use.waiting.size
    network.uses.push(use)
  }
  const fewest = newcomer.waiting.size + 1
  const ranked = [...networks.values()].sort(
    (one, other) =>
      Number(one.isAcquainted) - Number(other.isAcquainted) || other.waiting - one.waiting,
  )
  for (const { waiting, uses } of ranked) {
    const silent = oldestOf(uses.flatMap((use) => oldestSilent(use) ?? []))
    if (silent !== undefined) return silent
    const oldest = oldestOf(uses.flatMap(({ waiting: [first] }) => first ?? []))
    if (oldest !== undefined && waiting > fewest) return oldest
  }
  return undefined
}

function oldestSilent({ waiting }: AddressUse): Counted | undefined {
  for (const counted of waiting) if (!counted.isUnderstood) return counted
  return undefined
}

function oldestOf(all: readonly Counted[]): Counted | undefined {
  return all.reduce<Counted | undefined>(
    (oldest, each) => (oldest !== undefined && oldest.number < each.number ? oldest : each),
    undefined,
  )
}

/** An open connection. */
interface Counted {
  readonly connection: TcpConnection
  /** Those that came later have a higher one. */
  readonly number: number
  use: AddressUse
  /** Whether anything sensible came on it. */
  isUnderstood: boolean
  isOpen: boolean
  user?: string
}

/** Counts a connection for an address. */
function hold(counted: Counted, use: AddressUse): void {
  counted.use = use
  use.open++
  if (counted.user === undefined) use.waiting.add(counted)
}

function noteUnderstood(counted: Counted | undefined): void {
  if (counted !== undefined) counted.isUnderstood = true
}

function release(counted: Counted): void {
  counted.use.waiting.delete(counted)
  counted.use.open--
}

/** How many connections are open: of all, of those who have not signed in, and by user. */
function createTally() {
  const openOfUser = new Map<string, number>()
  let lastNumber = 0
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
    opened: (connection: TcpConnection, use: AddressUse): Counted => {
      open++
      unauthenticated++
      const counted: Counted = {
        ...{ connection, use, number: ++lastNumber },
        ...{ isUnderstood: false, isOpen: true },
      }
      hold(counted, use)
      return counted
    },
    signIn: (counted: Counted, user: string) => {
      counted.user = user
      unauthenticated--
      counted.use.waiting.delete(counted)
      countUser(user, 1)
    },
    closed: (counted: Counted) => {
      counted.isOpen = false
      open--
      if (counted.user === undefined) unauthenticated--
      else countUser(counted.user, -1)
      release(counted)
    },
  }
}
