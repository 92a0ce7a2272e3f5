import { TLSSocket } from 'node:tls'
import type { User, UserDirectory } from './user.ts'

/**
 * Whose client certificate a connection has shown: the common name of one that an authority of
 * `tls.clientCaFile` has signed, and that is not revoked. Undefined without one, and for a name nobody has.
 */
export function certifiedUser(
  connection: object | undefined,
  directory: Pick<UserDirectory, 'find'>,
): User | undefined {
  if (!(connection instanceof TLSSocket) || !connection.authorized) return undefined
  const name: unknown = connection.getPeerCertificate().subject?.CN
  return typeof name === 'string' ? directory.find(name) : undefined
}
