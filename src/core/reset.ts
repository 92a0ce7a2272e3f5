import { Socket } from 'node:net'

/** The TCP connection below each TLS socket: a TLS socket itself cannot be reset. */
const below = new WeakMap<object, Socket>()

/** `secure` is TLS over `connection`. */
export function isOver(secure: object, connection: Socket): void {
  below.set(secure, connection)
}

/**
 * Ends a TCP or TLS connection by RST. What the system has not sent yet, or not been told that it arrived, never
 * arrives; after `destroy` it still would, once the wire is whole again.
 */
export function resetConnection(connection: object): void {
  const tcp = below.get(connection) ?? connection
  if (tcp instanceof Socket) tcp.resetAndDestroy()
}
