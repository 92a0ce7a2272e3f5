import type { Aedes, Client, PublishPacket } from 'aedes'
import { readPublish } from './guard/read-publish.ts'

/**
 * Publishes what a client says at QoS 0 and not to be kept, as Aedes does when it has parsed it: such a
 * message changes nothing of its client, and is the one that comes in numbers. One that may not be
 * published ends the connection.
 */
export function publishPlain(aedes: Aedes, client: Client, packet: Buffer): void {
  const { topic, payload } = readPublish(packet)
  const message: PublishPacket = {
    cmd: 'publish',
    topic,
    payload,
    qos: 0,
    retain: false,
    dup: false,
  }
  aedes.authorizePublish(client, message, (error) => {
    if (error) client.emit('error', error)
    else aedes.publish(message, ignore)
  })
}

function ignore(): void {}
