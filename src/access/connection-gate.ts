import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { addressGroup, isLoopback } from './address.ts'
import { type AddressUse, createAddressTable } from './address-table.ts'

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

/** Counts connections of every kind, from the moment they are accepted until they close. */
export interface ConnectionGate {
  /** Takes a new connection in, or answers the limit it is past: the caller ends it then. */
  admit(connection: Connection): ConnectionLimit | undefined
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
  const addresses = createAddressTable({ ...limits, now })
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
      tally.leave(ticket)
      if (use) addresses.settle(use)
    })
  }
  return {
    admit: (connection) => {
      const address = connection.remoteAddress ?? 'unknown'
      const isExempt = limits.exemptLoopback && isLoopback(address)
      const use = isExempt ? undefined : addresses.of(addressGroup(address))
      const limit = limitPast(use)
      if (limit === undefined) enter(connection, use)
      else refuse(limit, { address })
      if (use) addresses.settle(use)
      return limit
    },
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

/** The rate comes last: a connection that is refused for another reason does not count in it. */
function addressLimitPast(
  use: AddressUse,
  limits: ConnectionGateOptions['limits'],
): ConnectionLimit | undefined {
  if (use.open >= limits.perAddress) return 'perAddress'
  if (use.unauthenticated >= limits.unauthenticatedPerAddress) return 'unauthenticatedPerAddress'
  return use.accepts.take() ? undefined : 'acceptsPerMinute'
}

/** An open connection. */
interface Ticket {
  /** Undefined when no limit per address applies. */
  readonly use: AddressUse | undefined
  user?: string
}

/** How many connections are open: of all, of those who have not signed in, and by user. */
function createTally() {
  const openOfUser = new Map<string, number>()
  let open = 0
  let unauthenticated = 0
  const count = (use: AddressUse | undefined, step: 1 | -1) => {
    open += step
    if (use) use.open += step
  }
  const countUnauthenticated = (use: AddressUse | undefined, step: 1 | -1) => {
    unauthenticated += step
    if (use) use.unauthenticated += step
  }
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
      count(use, 1)
      countUnauthenticated(use, 1)
      return { use }
    },
    signIn: (ticket: Ticket, user: string) => {
      ticket.user = user
      countUnauthenticated(ticket.use, -1)
      countUser(user, 1)
    },
    leave: ({ use, user }: Ticket) => {
      count(use, -1)
      if (user === undefined) countUnauthenticated(use, -1)
      else countUser(user, -1)
    },
  }
}
