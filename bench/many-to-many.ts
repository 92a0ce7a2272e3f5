// What does it cost when many talk at once, each to its own? 50 bases, each with one publisher and 5
// receivers, QoS 0.
import type { Bench } from './bench.ts'
import { floodBothWires } from './both-wires.ts'
import type { Row } from './table.ts'

const rooms = { rooms: 50, receivers: 5 }

export function manyToMany(bench: Bench): Promise<Row[]> {
  return floodBothWires(bench, `${rooms.rooms} bases of 1→${rooms.receivers}`, rooms)
}
