import type { Aedes, Client, PublishPacket } from 'aedes'
import { readPublish } from './guard/read-publish.ts'
import { writeAcknowledgement } from './guard/written-packets.ts'

export interface DirectPublish {
  readonly aedes: Aedes
  readonly client: Client
  /** A whole PUBLISH of the client at QoS 0 or 1, which was checked. */
  readonly packet: Buffer
}

/**
 * Publishes what a client says as Aedes does when it has parsed it, and calls `done` when that is done. A
 * message that may not be published ends the connection.
 */
export function publishDirectly({ aedes, client, packet }: DirectPublish, done: () => void): void {
  const { topic, payload, qos, retain, dup, messageId } = readPublish(packet)
  const message: PublishPacket = { cmd: 'publish', topic, payload, qos, retain, dup, messageId }
  const end = (error?: Error | null) => {
    if (error) client.emit('error', error)
    done()
  }
  aedes.authorizePublish(client, message, (error) => {
    if (error) {
      end(error)
      return
    }
    // [MQTT-4.3.2] The guard lets it go when the message is where it has to be.
    if (qos === 1) client.conn.write(writeAcknowledgement(messageId))
    aedes.publish(message, client, end)
  })
}
