import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import { systemCodeOf } from './errors.ts'
import type { SampledLog } from './sampled-log.ts'

export interface HandshakeOptions {
  readonly sampledLog: SampledLog
  /** Called when the handshake on `connection` is done, before anything is read from `secure`. */
  onSecure(secure: TLSSocket, connection: Socket): void
}

export interface Handshakes {
  /** Cuts the connections whose handshake is not done. */
  close(): void
}

/**
 * Follows the TLS handshakes on a server, and ends those that fail or take longer than the server's
 * `handshakeTimeout`.
 *
 * A server knows a connection from when it is accepted, and its TLS socket from when the handshake
 * is done, and does not say which belongs to which. Their two ends do: no two open connections share
 * them.
 */
export function followHandshakes(server: Server, options: HandshakeOptions): Handshakes {
  const connections = new Map<string, Socket>()
  server.on('connection', (connection) => {
    const ends = endsOf(connection)
    connections.set(ends, connection)
    connection.once('close', () => {
      if (connections.get(ends) === connection) connections.delete(ends)
    })
  })
  // First of all listeners: those of an HTTP server begin to read.
  server.prependListener('secureConnection', (secure) => {
    const ends = endsOf(secure)
    const connection = connections.get(ends)
    connections.delete(ends)
    if (connection === undefined) secure.destroy()
    else options.onSecure(secure, connection)
  })
  server.on('tlsClientError', (error, secure) => {
    secure.destroy()
    // Gone in the middle of it, or cut by us.
    if (systemCodeOf(error) === 'ECONNRESET') return
    options.sampledLog.warn('tls-refused', { reason: error.message }, 'a TLS handshake failed')
  })
  return {
    close: () => {
      for (const connection of connections.values()) connection.destroy()
    },
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join()
}
