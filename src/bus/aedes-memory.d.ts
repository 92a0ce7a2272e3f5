/** The package keeps its types in another folder than the file they describe; what we use of them. */
declare module 'aedes-persistence/asyncPersistence.js' {
  import type { Readable } from 'node:stream'
  import type { AedesPublishPacket, Client, PubrelPacket, Subscription } from 'aedes'

  type Owner = Pick<Client, 'id'>
  type Subscriber = { readonly clientId: string; readonly qos: 0 | 1 | 2 }

  class MemoryPersistence {
    readonly broker: { readonly clients: Readonly<Record<string, Client>> }
    addSubscriptions(client: Owner, subscriptions: Subscription[]): Promise<void>
    cleanSubscriptions(client: Owner): Promise<void>
    cleanIncoming(client: Owner): Promise<void>
    storeRetained(packet: AedesPublishPacket): Promise<void>
    createRetainedStream(filter: string): Readable
    subscriptionsByTopic(topic: string): Promise<Subscriber[]>
    outgoingEnqueueCombi(subscribers: Subscriber[], packet: AedesPublishPacket): Promise<void>
    outgoingUpdate(client: Owner, packet: AedesPublishPacket | PubrelPacket): Promise<void>
    outgoingClearMessageId(
      client: Owner,
      packet: { readonly messageId?: number | undefined },
    ): Promise<AedesPublishPacket | PubrelPacket | undefined>
    outgoingStream(client: Owner): Readable
  }
  export = MemoryPersistence
}
