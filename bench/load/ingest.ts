import type { Socket } from 'node:net'
import { closeAll, openConnection, openMany } from './connection.ts'
import { type MeterOptions, measure, type Reading } from './meter.ts'
import { pingPacket } from './packets.ts'
import { firstRoom, type Wire, type WireName, wires } from './wires.ts'

export interface IngestOptions extends MeterOptions {
  readonly port: number
  readonly wire: WireName
  readonly publishers: number
  readonly qos: 0 | 1
}

/** How many messages of a publisher go together; two such runs are under way. */
const runMessages = 25

/**
 * Messages that nobody subscribed to. Counts those that are dealt with: at QoS 1 by their PUBACK, at QoS 0
 * by a PINGRESP after each run.
 */
export async function ingest(options: IngestOptions): Promise<Reading> {
  const { port, publishers, qos } = options
  const wire: Wire = wires[options.wire]
  let messages = 0
  const open = async (at: number): Promise<Socket> => {
    const runs = runsOf(wire, firstRoom + at, qos)
    let answers = 0
    let waitingBytes = 0
    let answerBytes = 0
    const socket = await openConnection(port, wire.publisher(firstRoom), (bytes, read) => {
      waitingBytes += bytes
      // PUBACK of MQTT 5 may say that nobody subscribed, and then all of them do.
      answerBytes ||= (2 + (read[1] ?? 0)) * (qos === 0 ? 1 : runMessages)
      for (; waitingBytes >= answerBytes; waitingBytes -= answerBytes) {
        messages += runMessages
        socket.write(runs[answers++ % runs.length] ?? '')
      }
    })
    socket.write(Buffer.concat(runs))
    return socket
  }
  const sockets = await openMany(publishers, open)
  const reading = await measure(() => messages, options)
  closeAll(sockets)
  return reading
}

/** A message may have the id of another one that was acknowledged. */
function runsOf(wire: Wire, room: number, qos: 0 | 1): Buffer[] {
  return [0, 1].map((run) => {
    const ids = Array.from({ length: runMessages }, (_, at) => run * runMessages + at + 1)
    if (qos === 1) return Buffer.concat(ids.map((id) => wire.message(room, id)))
    return Buffer.concat([...ids.map(() => wire.message(room)), pingPacket])
  })
}
