import { closeAll, openConnection, openMany } from './connection.ts'
import { type MeterOptions, measure, type Reading } from './meter.ts'
import { firstRoom, type Wire, type WireName, wires } from './wires.ts'

export interface SparseOptions extends MeterOptions {
  readonly wire: WireName
  readonly port: number
  readonly receivers: number
  /** So many messages are written at once, */
  readonly burst: number
  /** and the next ones so much later. */
  readonly everyMs: number
}

/** One publisher who speaks now and then, as people's devices do. Counts deliveries. */
export async function sparse(options: SparseOptions): Promise<Reading> {
  const { port, receivers, burst, everyMs } = options
  const wire: Wire = wires[options.wire]
  let receivedBytes = 0
  const hear = (bytes: number) => {
    receivedBytes += bytes
  }
  const sockets = await openMany(receivers, () =>
    openConnection(port, wire.receiver(firstRoom), hear),
  )
  const hearEcho = wire.isEchoed ? hear : () => {}
  const publisher = await openConnection(port, wire.publisher(firstRoom), hearEcho)
  const messages = Buffer.concat(new Array(burst).fill(wire.message(firstRoom)))
  const timer = setInterval(() => publisher.write(messages), everyMs)
  const reading = await measure(() => receivedBytes / wire.deliveredBytes(firstRoom), options)
  clearInterval(timer)
  closeAll([...sockets, publisher])
  return reading
}
