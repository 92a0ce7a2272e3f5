/** Servers that listen: opening them, staying open without descriptors, and the handshakes of TLS. */

import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import { laterForSure } from './clock.ts'
import { HubError, reasonOf, systemCodeOf } from './errors.ts'
import { guardEvents } from './guard.ts'
import { isOver } from './reset.ts'
import type { SampledLog } from './sampled-log.ts'

/** What sets an address and a port, for error messages: `CLOWN_HTTP_HOST`, `CLOWN_HTTP_PORT`. */
export interface ListenSettings {
  readonly host: string
  readonly port: string
}

interface ListenOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly settings: ListenSettings
}

/** So many may wait to be accepted: all devices of a house come back at once. The system has a limit, too. */
const backlog = 4096

/**
 * Opens `server`, whose events are guarded from now on, and returns the port it listens on.
 *
 * @throws HubError `cannot-listen` when the address is taken, forbidden or not of this machine.
 */
export async function listen(server: Server, { host, port, settings }: ListenOptions) {
  try {
    guardEvents(server).listen({ host, port, backlog })
    await once(server, 'listening')
  } catch (cause) {
    const message = `cannot listen on ${host} port ${port}: ${fix(cause, settings)}`
    throw new HubError('cannot-listen', message, { cause })
  }
  return portOf(server)
}

/** The port a TCP server listens on, 0 when it is not open. */
export function portOf(server: Server): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

function fix(cause: unknown, settings: ListenSettings): string {
  switch (systemCodeOf(cause)) {
    case 'EADDRINUSE':
      return `it is in use; end the program that holds it, or set ${settings.port} to another port`
    case 'EACCES':
      return `this user may not open it; set ${settings.port} to a port of 1024 or more`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `this machine has no such address; set ${settings.host} to one it has`
    default:
      return reasonOf(cause)
  }
}

interface KeepAcceptingOptions {
  /** Where the server listens; the port it really has, not 0. */
  readonly host: string
  readonly port: number
  readonly sampledLog: SampledLog
  readonly firstPauseMs?: number
}

interface Accepting {
  /** Stops listening, for good. */
  close(): void
}

const maxPauseMs = 5000

/**
 * Lets a listening `server` survive connections it cannot accept, mostly because this process or
 * this machine has no file descriptor left: it stops listening for a while, longer each time, while
 * its open connections live on.
 *
 * libuv keeps one descriptor in reserve to turn such connections away. When somebody else took that
 * one, it tries again without an end until the listener is closed; without a listener for `error`
 * the process ends.
 */
export function keepAccepting(
  server: Server,
  { host, port, sampledLog, firstPauseMs = 100 }: KeepAcceptingOptions,
): Accepting {
  let pauseMs = firstPauseMs
  let cancel = () => {}
  server.on('error', (error) => {
    sampledLog.warn('accept-paused', { reason: error.message, pauseMs }, 'cannot accept: pausing')
    server.close()
    cancel()
    cancel = laterForSure(pauseMs, () => server.listen({ host, port }))
    pauseMs = Math.min(pauseMs * 2, maxPauseMs)
  })
  server.on('connection', () => {
    pauseMs = firstPauseMs
  })
  return {
    close: () => {
      cancel()
      server.close()
    },
  }
}

interface HandshakeOptions {
  readonly sampledLog: SampledLog
  /** Called when the handshake on `connection` is done, before anything is read from `secure`. */
  onSecure(secure: TLSSocket, connection: Socket): void
}

interface Handshakes {
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
export function followHandshakes(server: TlsServer, options: HandshakeOptions): Handshakes {
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
    else {
      isOver(secure, connection)
      options.onSecure(secure, connection)
    }
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
