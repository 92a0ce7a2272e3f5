/** The package keeps its types in another folder than the file they describe; what we use of them. */
declare module 'aedes-persistence/asyncPersistence.js' {
  import type { Readable } from 'node:stream'
  import type { AedesPublishPacket, Client, PublishPacket, PubrelPacket, Subscription } from 'aedes'

  type Owner = Pick<Client, 'id'>
  type Subscriber = { readonly clientId: string; readonly qos: 0 | 1 | 2 }

  class MemoryPersistence {
    addSubscriptions(client: Owner, subscriptions: Subscription[]): Promise<void>
    removeSubscriptions(client: Owner, filters: string[]): Promise<void>
    subscriptionsByClient(client: Owner): Promise<Subscription[]>
    cleanSubscriptions(client: Owner): Promise<void>
    getClientList(filter: string): Readable
    countOffline(): Promise<{ readonly subsCount: number; readonly clientsCount: number }>
    subscriptionsByTopic(topic: string): Promise<Subscriber[]>
    storeRetained(packet: AedesPublishPacket): Promise<void>
    createRetainedStreamCombi(filters: string[]): Readable
    outgoingEnqueueCombi(subscribers: Subscriber[], packet: AedesPublishPacket): Promise<void>
    outgoingUpdate(client: Owner, packet: PubrelPacket): Promise<void>
    outgoingClearMessageId(client: Owner, packet: { messageId?: number }): Promise<void>
    outgoingStream(client: Owner): Readable
    incomingGetPacket(
      client: Owner,
      packet: PublishPacket | PubrelPacket,
    ): Promise<PublishPacket | PubrelPacket>
    incomingStorePacket(client: Owner, packet: PublishPacket): Promise<void>
    incomingDelPacket(client: Owner, packet: PubrelPacket): Promise<void>
  }
  export = MemoryPersistence
}
