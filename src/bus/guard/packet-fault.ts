/** What is wrong with what an MQTT client sent; its connection ends by it. */
export class PacketFault extends Error {
  override readonly name = 'PacketFault'
  /** What counts it: a limit's counter, or `mqtt-malformed`. */
  readonly counter: string
  /** [MQTT-3.2.2-4] What a CONNACK tells before the connection ends, if one does. */
  readonly returnCode: number | undefined

  constructor(counter: string, message: string, returnCode?: number) {
    super(message)
    this.counter = counter
    this.returnCode = returnCode
  }
}

/** A packet that breaks the standard. */
export function malformed(message: string): PacketFault {
  return new PacketFault('mqtt-malformed', message)
}
