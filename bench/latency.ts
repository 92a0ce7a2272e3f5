// How long is a message under way when nothing else is? 100 messages a second and peer, one at a time,
// from one websocket to another, and from one MQTT client to another.
import { answer, type Bench, portOf } from './bench.ts'
import { sidesOf } from './both-wires.ts'
import { openSides, type Side } from './compare.ts'
import { quantile } from './processes.ts'
import type { Row } from './table.ts'

const shares = { p50: 0.5, p99: 0.99, 'p99.9': 0.999 }

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
    warmUpRounds: 200,
    rounds: 800,
    roundMs: 10,
  })
  return Object.entries(shares).flatMap(([name, share]) => {
    const [hub = Number.NaN, ...others] = times.map((ms) => quantile(ms, share))
    return others.map((theirs, at): Row => {
      const side = all[at + 1]
      const isAsked = name === 'p99' && side?.name === 'bare ws'
      return {
        question: `${what} latency ${name}`,
        hub: milliseconds(hub),
        peer: side?.name ?? '',
        theirs: milliseconds(theirs),
        ratio: hub / theirs,
        target: isAsked ? { most: 1.5 } : undefined,
      }
    })
  })
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(3)} ms`
}
