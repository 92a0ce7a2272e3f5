import type { IncomingMessage, Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { ConnectionLimit, ConnectionLimiter } from '../access/connection-limiter.ts'
import type { Forwarding } from '../access/forwarding.ts'
import { busy, type Refusal } from '../core/refusal.ts'

/** These say nothing against the client; past the others it is cut without an answer. */
const answered: ReadonlySet<ConnectionLimit> = new Set(['memory', 'total', 'perAddress'])

/** How many refused sockets may wait for their request, which is what their answer belongs to. */
const maxWaiting = 64

export interface DoorOptions {
  readonly limiter: Pick<ConnectionLimiter, 'accept'>
  readonly forwarding: Pick<Forwarding, 'isProxy'>
}

/** What became of the connections to a server. */
export interface Door {
  /** How to refuse a request that came on a connection that was past a limit. */
  refusalOf(request: IncomingMessage): Refusal | undefined
  /** Lets `secure`, the TLS socket on `connection`, stand for it. */
  secured(secure: Socket, connection: Socket): void
}

/** Asks the connection limiter about every connection to `server`. */
export function admitRequests(
  server: Server | SecureServer,
  { limiter, forwarding }: DoorOptions,
): Door {
  const waiting = new Set<Socket>()
  const wait = (socket: Socket) => {
    waiting.add(socket)
    socket.once('close', () => waiting.delete(socket))
  }
  server.on('connection', (socket) => {
    const from = forwarding.isProxy(socket.remoteAddress) ? 'proxy' : 'client'
    const limit = limiter.accept(socket, from)
    if (limit === undefined) return
    if (answered.has(limit) && waiting.size < maxWaiting) wait(socket)
    else socket.destroy()
  })
  return {
    refusalOf: ({ socket }) => (waiting.has(socket) ? busy : undefined),
    secured: (secure, connection) => {
      if (waiting.delete(connection)) wait(secure)
    },
  }
}
