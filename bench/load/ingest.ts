import type { Socket } from 'node:net'
import { closeAll, openConnection, openMany } from './connection.ts'
import { type MeterOptions, measure, type Reading } from './meter.ts'
import { ackBytes, pingPacket } from './packets.ts'
import { acknowledgedMessage, firstRoom, wires } from './wires.ts'

export interface IngestOptions extends MeterOptions {
  readonly port: number
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
  const answerBytes = qos === 0 ? pingPacket.length : ackBytes * runMessages
  let messages = 0
  const open = async (at: number): Promise<Socket> => {
    const runs = runsOf(firstRoom + at, qos)
    let answers = 0
    let waitingBytes = 0
    const socket = await openConnection(port, wires.mqtt.publisher(firstRoom), (bytes) => {
      waitingBytes += bytes
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
function runsOf(room: number, qos: 0 | 1): Buffer[] {
  return [0, 1].map((run) => {
    const ids = Array.from({ length: runMessages }, (_, at) => run * runMessages + at + 1)
    if (qos === 1) return Buffer.concat(ids.map((id) => acknowledgedMessage(room, id)))
    return Buffer.concat([...ids.map(() => wires.mqtt.message(room)), pingPacket])
  })
}
