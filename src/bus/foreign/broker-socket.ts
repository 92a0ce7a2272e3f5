/** The TCP connection to a broker that somebody else runs, and TLS over it; nothing here knows MQTT. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { readSecretFile, readTextFile } from '../../core/files.ts'
import type { DeepReadonly } from '../../core/json.ts'
import { isOver } from '../../core/reset.ts'
import type { Config } from '../../generated/config.ts'

/** Where the broker is, and as whom to come there. */
export type BrokerAccess = DeepReadonly<
  Pick<NonNullable<Config['bus']>, 'url' | 'user' | 'passwordFile' | 'tls'>
>

export interface BrokerPlace {
  readonly address: BrokerAccess
  /** Where that stands in the configuration, such as `bus`. */
  readonly place: string
}

/** A TCP connection, and what is spoken over. */
export function openSocket({ address: { url, tls: files }, place: settings }: BrokerPlace): {
  socket: Socket
  stream: Duplex
} {
  const { protocol, hostname, port } = new URL(url)
  const isSecure = protocol === 'mqtts:'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const certificates = certificatesIn(files, settings)
  // Without `noDelay` each command would wait for the acknowledgement of the one before.
  const place = { host, port: Number(port || (isSecure ? 8883 : 1883)), noDelay: true }
  const socket = connectTcp(place)
  if (!isSecure) return { socket, stream: socket }
  const stream = connectTls({ socket, servername: isIP(host) ? '' : host, ...certificates, host })
  isOver(stream, socket)
  socket.on('error', (error) => stream.destroy(error))
  return { socket, stream }
}

/** The authority that the broker's certificate is of, and a certificate of our own, as the files have them now. */
function certificatesIn(
  { caFile, certFile, keyFile }: NonNullable<BrokerAccess['tls']> = {},
  place: string,
) {
  return {
    ...(caFile !== undefined && { ca: readTextFile(`${place}.tls.caFile`, caFile).text }),
    ...(certFile !== undefined && { cert: readTextFile(`${place}.tls.certFile`, certFile).text }),
    ...(keyFile !== undefined && { key: readSecretFile(`${place}.tls.keyFile`, keyFile).text }),
  }
}
