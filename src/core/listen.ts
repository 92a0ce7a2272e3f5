import { once } from 'node:events'
import type { Server } from 'node:net'
import { HubError, reasonOf, systemCodeOf } from './errors.ts'

/** What sets an address and a port, for error messages: `CLOWN_HTTP_HOST`, `CLOWN_HTTP_PORT`. */
export interface ListenSettings {
  readonly host: string
  readonly port: string
}

export interface ListenOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly settings: ListenSettings
}

/** So many may wait to be accepted: all devices of a house come back at once. The system has a limit, too. */
const backlog = 4096

/**
 * Opens `server` and answers the port it listens on.
 *
 * @throws HubError `cannot-listen` when the address is taken, forbidden or not of this machine.
 */
export async function listen(server: Server, { host, port, settings }: ListenOptions) {
  try {
    server.listen({ host, port, backlog })
    await once(server, 'listening')
  } catch (cause) {
    const message = `cannot listen on ${host} port ${port}: ${mend(cause, settings)}`
    throw new HubError('cannot-listen', message, { cause })
  }
  return portOf(server)
}

/** The port a TCP server listens on, 0 when it is not open. */
export function portOf(server: Server): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

function mend(cause: unknown, settings: ListenSettings): string {
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
