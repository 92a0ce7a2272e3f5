import type { Socket } from 'node:net'
import { closeAll, openConnection, openMany } from './connection.ts'
import { type MeterOptions, measure, type Reading } from './meter.ts'
import { firstRoom, type Room, type Wire, type WireName, wires } from './wires.ts'

export interface FloodOptions extends MeterOptions {
  readonly wire: WireName
  readonly port: number
  readonly rooms: number
  /** In each room; `all` is one who listens to all rooms, and nobody else does. */
  readonly receivers: number | 'all'
}

/** How many messages of a room may be under way, so that the server is busy but never behind. */
const windowMessages = 20

/** Publishers who go on as their receivers do. Counts deliveries. */
export async function flood(options: FloodOptions): Promise<Reading> {
  const { rooms, receivers } = options
  const sockets: Socket[] = []
  const all = Array.from({ length: rooms }, (_, at) => firstRoom + at)
  const members =
    receivers === 'all'
      ? [{ rooms: all, receivers: 1 }]
      : all.map((room) => ({ rooms: [room], receivers }))
  const groups = await Promise.all(members.map((some) => openGroup(options, some, sockets)))
  for (const group of groups) group.fill()
  const deliveries = () => groups.reduce((sum, group) => sum + group.deliveries(), 0)
  const reading = await measure(deliveries, options)
  closeAll(sockets)
  return reading
}

/** Those who publish to the same receivers, each in a room of its own. */
interface Members {
  readonly rooms: readonly number[]
  readonly receivers: number
}

/** Publishers, and those who receive what they say. */
interface Group {
  deliveries(): number
  /** Publishes as much as the window has room for. */
  fill(): void
}

async function openGroup(
  { wire: name, port }: FloodOptions,
  { rooms, receivers }: Members,
  sockets: Socket[],
): Promise<Group> {
  const wire: Wire = wires[name]
  const isFanIn = rooms.length > 1
  const room: Room = isFanIn ? 'all' : (rooms[0] ?? firstRoom)
  const bytes = wire.deliveredBytes(room)
  let receivedBytes = 0
  let published = 0
  const hear = (count: number) => {
    receivedBytes += count
    fill()
  }
  sockets.push(
    ...(await openMany(receivers, () => openConnection(port, wire.receiver(room), hear))),
  )
  // Of a publisher among many, what comes back to it is no delivery to who listens to all.
  const isCounted = wire.isEchoed && !isFanIn
  const hearEcho = isCounted ? hear : () => {}
  const publishers = await openMany(rooms.length, (at) =>
    openConnection(port, wire.publisher(rooms[at] ?? firstRoom), hearEcho),
  )
  sockets.push(...publishers)
  const perMessage = receivers + (isCounted ? 1 : 0)
  const share = windowMessages / 2
  const some = rooms.map((own) => Buffer.concat(new Array(share).fill(wire.message(own))))
  const fill = () => {
    const arrived = receivedBytes / bytes / perMessage
    while (published - arrived <= share * rooms.length) {
      for (const [at, publisher] of publishers.entries()) publisher.write(some[at] ?? '')
      published += share * rooms.length
    }
  }
  return { deliveries: () => receivedBytes / bytes, fill }
}
