import type { Message, MessageProperties, Receivers } from '../core/message.ts'
import { type KeptMessage, keptCopy } from './message-record.ts'
import type { Published } from './write-packets.ts'

/** A message on its way through the bus: one for all who receive it. */
export class Carried implements Published {
  readonly message: Message
  readonly topic: string
  readonly payload: Buffer
  readonly properties: MessageProperties | undefined
  /** Whether a client receives it, or will. */
  isTaken = false
  #kept: KeptMessage | undefined

  constructor(message: Message) {
    const { topic, payload, properties } = message
    this.message = message
    this.topic = topic
    this.payload = payload.bytes
    this.properties = properties
  }

  get receivers(): Receivers | undefined {
    return this.message.receivers
  }

  /** The same to keep: one copy for all who do. */
  kept(): KeptMessage {
    this.#kept ??= keptCopy(this.message)
    return this.#kept
  }
}

/** What Aedes hands over: what it says of itself carries nothing. */
export interface BusPacket {
  readonly topic: string
  readonly properties?: Carried
}

export type BusListener = (packet: BusPacket) => void

/** The bus, for those who take messages as they are carried: each once, however many filters match. */
export interface Listening {
  on(filter: string, listener: BusListener): unknown
  removeListener(filter: string, listener: BusListener): unknown
}
