import type { AedesPublishPacket, PublishPacket } from 'aedes'

/** What Aedes and its clients have besides what their types tell. */
declare module 'aedes' {
  interface Client {
    /** By filter. */
    readonly subscriptions: Readonly<Record<string, { readonly qos: 0 | 1 | 2 }>>
    readonly deliver0: Deliver
    readonly deliverQoS: Deliver
    /** Calls back when the connection has drained, or has ended. */
    waitForDrain(done: () => void): void
  }

  interface Aedes {
    publish(packet: PublishPacket, client: Client, done: (error?: Error | null) => void): void
  }

  type Deliver = (packet: AedesPublishPacket, done: () => void) => void
}

declare module 'mqtt-packet' {
  interface IPublishPacket {
    /** The client that a message came from. */
    clientId?: string
  }
}
