import { once } from 'node:events'
import type { Server } from 'node:net'
import { HubError, reasonOf, systemCodeOf } from './errors.ts'

export interface ListenOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** What sets the port, for the error message: `CLOWN_HTTP_PORT`. */
  readonly setting: string
}

/**
 * Opens `server` and answers the port it listens on.
 *
 * @throws HubError `cannot-listen` when the address is taken, forbidden or not of this machine.
 */
export async function listen(server: Server, { host, port, setting }: ListenOptions) {
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (cause) {
    const message = `cannot listen on ${host} port ${port}: ${mend(cause, setting)}`
    throw new HubError('cannot-listen', message, { cause })
  }
  return portOf(server)
}

/** The port a TCP server listens on, 0 when it is not open. */
export function portOf(server: Server): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

function mend(cause: unknown, setting: string): string {
  switch (systemCodeOf(cause)) {
    case 'EADDRINUSE':
      return `it is in use; end the program that holds it, or set ${setting} to another port`
    case 'EACCES':
      return `this user may not open it; set ${setting} to a port of 1024 or more`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `this machine has no such address; set ${setting.replace('PORT', 'HOST')} to one it has`
    default:
      return reasonOf(cause)
  }
}
