import {
  alternate,
  type Bench,
  medianReading,
  portOf,
  type Server,
  type ServerName,
} from './bench.ts'
import type { Reading } from './load/meter.ts'
import type { WireName } from './load/wires.ts'
import { type Row, rowOfReadings, type Target } from './table.ts'

/** A server, the wire on which it is measured, and what the hub is to be in comparison. */
export interface Side {
  readonly name: ServerName
  /** What the table says, where the name of the server does not say which side it is. */
  readonly label?: string
  readonly wire: WireName
  readonly target?: Target | undefined
}

/** One side, while it is measured. */
export interface Subject {
  readonly port: number
  readonly pid: number
  readonly wire: WireName
  readonly seconds: number
  readonly warmUpSeconds: number
}

export type Measure = (subject: Subject) => Promise<Reading>

export async function openSides(bench: Bench, sides: readonly Side[]): Promise<Map<Side, Server>> {
  const servers = new Map<Side, Server>()
  for (const side of sides) servers.set(side, await bench.server(side.name))
  return servers
}

/** Lets each side do for a while what it will be measured by, until all of it is compiled. */
export async function warmUp(servers: ReadonlyMap<Side, Server>, measure: Measure): Promise<void> {
  const time = { seconds: 0.1, warmUpSeconds: 0.8 }
  for (const side of servers) await measure(subjectOf(side, time))
}

/** Measures the hub, which comes first, and its peers in turn; a row for each peer. */
export async function compare(
  question: string,
  servers: ReadonlyMap<Side, Server>,
  measure: Measure,
): Promise<Row[]> {
  const [hub, ...peers] = [...servers.keys()]
  const time = { seconds: 0.4, warmUpSeconds: 0.15 }
  const readings = await alternate([...servers], (side) => measure(subjectOf(side, time)))
  const [ours, ...others] = readings.map(medianReading)
  if (hub === undefined || ours === undefined) throw new Error('expected the hub, got no side')
  return peers.map(({ name, label, target }, at) =>
    rowOfReadings(question, { hub: ours, peer: label ?? name, theirs: others[at] ?? ours }, target),
  )
}

function subjectOf(
  [{ wire }, server]: readonly [Side, Server],
  time: Pick<Subject, 'seconds' | 'warmUpSeconds'>,
): Subject {
  return { pid: server.pid, port: portOf(server, wire), wire, ...time }
}
