/** The package keeps its types in another folder than the file they describe; what we use of them. */
declare module 'aedes-persistence/asyncPersistence.js' {
  import type { Readable } from 'node:stream'
  import type { AedesPublishPacket, Client } from 'aedes'

  class MemoryPersistence {
    readonly broker: { readonly clients: Readonly<Record<string, Client>> }
    subscriptionsByTopic(topic: string): Promise<{ readonly clientId: string }[]>
    createRetainedStream(filter: string): Readable
    outgoingEnqueue(subscription: { clientId: string }, packet: AedesPublishPacket): Promise<void>
    outgoingStream(client: Client): Readable
    outgoingClearMessageId(
      client: Client,
      packet: AedesPublishPacket,
    ): Promise<AedesPublishPacket | undefined>
  }
  export = MemoryPersistence
}
