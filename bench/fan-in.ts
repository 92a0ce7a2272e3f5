// What does it cost to bring the messages of many to one? 100 publishers and one who listens to all of
// them, QoS 0; by websocket the hub and the others tell each publisher its own message, too.
import type { Bench } from './bench.ts'
import { floodBothWires } from './both-wires.ts'
import type { Row } from './table.ts'

const publishers = 100

export function fanIn(bench: Bench): Promise<Row[]> {
  const rooms = { rooms: publishers, receivers: 'all' } as const
  return floodBothWires(bench, `fan-in ${publishers}→1`, rooms)
}
