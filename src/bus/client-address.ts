import type { IncomingMessage } from 'node:http'
import type { Client } from 'aedes'
import { unmapped } from '../access/address.ts'
import { MqttGuard } from './guard/mqtt-guard.ts'

/** Where a client comes from: an IP address. */
export type ClientAddress = (client: Client) => string

/**
 * Remembers where each client came from, since a connection that is closed has no address any more.
 * `ofRequest` answers it for a websocket that carries MQTT.
 */
export function createClientAddress(
  ofRequest: (request: IncomingMessage) => string,
): ClientAddress {
  const known = new WeakMap<Client, string>()
  return (client) => {
    const address = known.get(client) ?? addressOf(client, ofRequest)
    known.set(client, address)
    return address
  }
}

function addressOf(client: Client, ofRequest: (request: IncomingMessage) => string): string {
  if (client.req !== undefined) return ofRequest(client.req)
  const connection = connectionOf(client)
  return 'remoteAddress' in connection ? unmapped(String(connection.remoteAddress)) : 'unknown'
}

/** The TCP socket that carries a client, under a websocket too. */
export function connectionOf({ req, conn }: Client): object {
  if (req !== undefined) return req.socket
  return conn instanceof MqttGuard ? conn.socket : conn
}
