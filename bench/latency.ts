// How long is a message under way when nothing else is? 100 messages a second and peer, one at a time,
// from one websocket to another, and from one MQTT client to another.
import { answer, type Bench, portOf } from './bench.ts'
import { sidesOf } from './both-wires.ts'
import { openSides, type Side } from './compare.ts'
import { quantile } from './processes.ts'
import type { Row } from './table.ts'

const shares = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 }

/** How many times its own time the hub's may be at most, by share and peer. */
const most: Readonly<Record<string, number>> = {
  'websocket p50 bare ws': 1.3,
  'websocket p99 bare ws': 1.5,
  'MQTT p50 Mosquitto': 2.5,
}

/** A hub runs for months: what is asked is how long a message takes when all of it is compiled. */
const warmUpRounds = 1500

export async function latency(): Promise<Row[]> {
  // One after the other: who is silent for long is cut.
  const { websocket, MQTT } = sidesOf
  const rows = await answer((bench) => measure(bench, 'websocket', websocket))
  return [...rows, ...(await answer((bench) => measure(bench, 'MQTT', MQTT)))]
}

async function measure(bench: Bench, what: string, all: readonly Side[]): Promise<Row[]> {
  const servers = await openSides(bench, all)
  const peers = [...servers].map(([{ wire }, server]) => ({ wire, port: portOf(server, wire) }))
  const times = await bench.load('roundTrips', {
    peers,
    warmUpRounds,
    rounds: 800,
    roundMs: 10,
  })
  return Object.entries(shares).flatMap(([name, share]) => {
    const [hub = Number.NaN, ...others] = times.map((ms) => quantile(ms, share))
    return others.map((theirs, at): Row => {
      const peer = all[at + 1]?.name ?? ''
      const limit = most[`${what} ${name} ${peer}`]
      return {
        question: `${what} latency ${name}`,
        hub: milliseconds(hub),
        peer,
        theirs: milliseconds(theirs),
        ratio: hub / theirs,
        target: limit === undefined ? undefined : { most: limit },
      }
    })
  })
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(3)} ms`
}
