import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionGate, ConnectionLimit } from '../access/connection-gate.ts'
import type { Refusal } from './refusal.ts'

/** An honest client that is turned away for a while is told so. */
export const busy: Refusal = {
  status: 503,
  reason: 'expected fewer connections: try again later',
  headers: { 'Retry-After': '5' },
}

/** These say nothing against the client; past the others it is cut without an answer. */
const answered: ReadonlySet<ConnectionLimit> = new Set(['memory', 'total', 'perAddress'])

/** How many refused sockets may wait for their request, which is what their answer belongs to. */
const maxWaiting = 64

/**
 * Asks `gate` about every connection to `server`. The answered function says whether a request came
 * on a refused one, and how to refuse it.
 */
export function admitRequests(
  server: Server,
  gate: Pick<ConnectionGate, 'admit'>,
): (request: IncomingMessage) => Refusal | undefined {
  const waiting = new Set<Socket>()
  server.on('connection', (socket) => {
    const limit = gate.admit(socket)
    if (limit === undefined) return
    if (!answered.has(limit) || waiting.size >= maxWaiting) {
      socket.destroy()
      return
    }
    waiting.add(socket)
    socket.once('close', () => waiting.delete(socket))
  })
  return ({ socket }) => (waiting.has(socket) ? busy : undefined)
}
