// What does the first message cost, when nothing is warm? Servers that were just started, one publisher and one
// receiver: the processor time from the first message until it is there, and of the hundred after it.
import { answer, type Bench, portOf, type ServerName } from './bench.ts'
import type { WireName } from './load/wires.ts'
import { median } from './processes.ts'
import type { Row } from './table.ts'

const sides: readonly (readonly [name: ServerName, wire: WireName])[] = [
  ['hub', 'talk'],
  ['bare ws', 'relay'],
  ['hub', 'mqtt'],
  ['bare Aedes', 'mqtt'],
]

const starts = 5

export async function coldMessage(): Promise<Row[]> {
  const found: number[][] = sides.map(() => [])
  for (let start = 0; start < starts; start++) {
    for (const [at, side] of sides.entries()) {
      found[at]?.push(await answer((bench) => costOfOne(bench, side)))
    }
  }
  const [talk = 0, bareWs = 0, mqtt = 0, bareAedes = 0] = found.map(median)
  return [
    rowOf('websocket', talk, { peer: 'bare ws', cost: bareWs }),
    rowOf('MQTT', mqtt, { peer: 'bare Aedes', cost: bareAedes }),
  ]
}

const messages = 100

/** Microseconds of processor time for one of the first hundred messages. */
async function costOfOne(
  bench: Bench,
  [name, wire]: readonly [ServerName, WireName],
): Promise<number> {
  const server = await bench.server(name)
  const port = portOf(server, wire)
  const once = { peers: [{ wire, port }], warmUpRounds: 0, roundMs: 10 }
  const { microseconds: before } = await server.ask('cpu')
  await bench.load('roundTrips', { ...once, rounds: messages })
  const { microseconds: after } = await server.ask('cpu')
  return (after - before) / messages
}

function rowOf(what: string, hub: number, theirs: { peer: string; cost: number }): Row {
  const { peer, cost } = theirs
  return {
    question: `${what}, the first ${messages} messages`,
    hub: `${hub.toFixed(0)} µs`,
    peer,
    theirs: `${cost.toFixed(0)} µs`,
    ratio: cost / hub,
  }
}
