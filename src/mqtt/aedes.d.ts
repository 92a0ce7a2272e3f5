import type { Carried } from './embedded-bus.ts'

/** What Aedes has besides what its types tell. */
declare module 'aedes' {
  interface Aedes {
    /** `properties` are handed on as they are: all of the message is in them. */
    publish(packet: CarriedPacket, done: (error?: Error | null) => void): void
    /** By which it would tell other brokers of itself. */
    readonly _heartbeatInterval: NodeJS.Timeout
    readonly _clearWillInterval: NodeJS.Timeout
  }

  interface CarriedPacket {
    readonly cmd: 'publish'
    readonly topic: string
    readonly payload: Buffer
    readonly qos: 0 | 1 | 2
    readonly retain: boolean
    readonly dup: false
    readonly properties: Carried
  }
}
