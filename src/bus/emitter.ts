import type { Client } from 'aedes'
import mqemitter from 'mqemitter'

/** The emitter inside Aedes, which hands each packet to those who subscribed to its topic. */
export interface Emitter {
  readonly mq: ReturnType<typeof mqemitter>
  /**
   * Lets `client` have each packet once, however many of its subscriptions match it. Aedes itself
   * lets it have only packets with a higher number than all before; but it numbers a packet when it
   * takes it, stores some before they go out, and so drops those that others have overtaken.
   */
  deliverOnce(client: Client): void
}

/** `brokerId` answers the name under which the broker numbers its packets. */
export function createEmitter(brokerId: () => string): Emitter {
  // No limit: a delivery never waits, so none holds up the next.
  const mq = mqemitter({ concurrency: 0, matchEmptyLevels: true })
  const emit = mq.emit.bind(mq)
  let current = 0
  mq.emit = (packet, done) => {
    // Who receives a packet may publish another one at once.
    const outer = current
    current = Number(packet['brokerCounter'])
    emit(packet, done)
    current = outer
    return mq
  }
  return {
    mq,
    deliverOnce: (client) => {
      let last = 0
      const duplicates = Object.defineProperty({}, brokerId(), {
        get: () => (last === current ? current : 0),
        set: (counter: number) => {
          last = counter
        },
      })
      Object.assign(client, { duplicates })
    },
  }
}
