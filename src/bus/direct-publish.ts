import type { Aedes, Client, PublishPacket } from 'aedes'
import { Payload } from '../core/payload.ts'
import type { PacketReader } from './aedes-bus.ts'
import { isOversize, oversizeError } from './guard/oversize.ts'
import { readPublish } from './guard/read-publish.ts'
import { writeAcknowledgement, writeReceived } from './guard/written-packets.ts'

export interface DirectPublish {
  readonly aedes: Aedes
  readonly client: Client
  /** A PUBLISH of the client that was checked: a whole one at QoS 0 or 1, or the head of an oversize one. */
  readonly packet: Buffer
  readonly reader: Pick<PacketReader, 'know'>
  /** How large a message may be. */
  readonly largestBytes: number
}

/**
 * Publishes what a client says as Aedes does when it has parsed it, and calls `done` when that is done. A
 * message that may not be published ends the connection.
 */
export function publishDirectly(options: DirectPublish, done: () => void): void {
  const { aedes, client } = options
  const message = messageOf(options)
  const { qos, messageId = 0 } = message
  const end = (error?: Error | null) => {
    if (error) client.emit('error', error)
    // [MQTT-4.3.3] PUBREL, which follows, is between Aedes and the client.
    else if (qos === 2) client.conn.write(writeReceived(messageId))
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

/** What cannot be published since it was too large has its refusal for a payload. */
function messageOf({ packet, reader, largestBytes }: DirectPublish): PublishPacket {
  const { payload, ...rest } = readPublish(packet)
  if (!isOversize(packet)) return { cmd: 'publish', payload, ...rest }
  const refusal = oversizeError(packet, largestBytes)
  const refused = Payload.refused(refusal)
  reader.know(refused)
  return { cmd: 'publish', payload: refused.bytes, ...rest }
}
