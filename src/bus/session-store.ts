import { Readable } from 'node:stream'
import type { AedesPublishPacket, Client } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import { isCommand } from '../core/topic.ts'

/** What Aedes keeps of sessions and retained values, in memory, with its lapses mended. */
export class SessionStore extends MemoryPersistence {
  /** The kept sessions that a message is to be stored for. A command is not stored for the absent. */
  override async subscriptionsByTopic(topic: string) {
    const subscriptions = await super.subscriptionsByTopic(topic)
    if (!isCommand(topic)) return subscriptions
    return subscriptions.filter(({ clientId }) => this.broker.clients[clientId] !== undefined)
  }

  /** What waits for a client that comes back. */
  override outgoingStream(client: Client): Readable {
    return Readable.from(this.#resumed(client, super.outgoingStream(client)))
  }

  /** Aedes clears what it did not send, too: a message without an id, which would be any such one. */
  override async outgoingClearMessageId(client: Client, packet: AedesPublishPacket) {
    if (packet.messageId === undefined) return undefined
    return super.outgoingClearMessageId(client, packet)
  }

  async *#resumed(client: Client, packets: AsyncIterable<AedesPublishPacket>) {
    for await (const packet of packets) {
      // A PUBLISH has an id since it was sent the first time.
      const isAgain = packet.cmd === 'publish' && packet.messageId !== undefined
      // A command that was not acknowledged then is not given tomorrow for today's button.
      if (isAgain && isCommand(packet.topic)) await this.outgoingClearMessageId(client, packet)
      // [MQTT-3.3.1-1]
      else yield isAgain ? Object.assign(packet, { dup: true }) : packet
    }
  }
}
