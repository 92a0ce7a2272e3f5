import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

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
  if (!(tcp instanceof Socket)) return
  const reset = () => tcp.resetAndDestroy()
  const ending = [connection, tcp].find(isJustEnding)
  // Node.js loses a socket that is reset in the turn in which it is shut down: it is open as long as the process (libuv: EINVAL).
  if (ending === undefined) reset()
  else ending.once('finish', reset)
}

/** Whether all was handed to the system, and that no more comes is on its way there: a matter of one turn. */
function isJustEnding(connection: object): connection is Writable {
  const { writableEnded, writableFinished, writableLength, destroyed }: Partial<Writable> =
    connection
  return writableEnded === true && !writableFinished && writableLength === 0 && !destroyed
}
