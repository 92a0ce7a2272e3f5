// What memory does a client need that does nothing? 5,000 idle websockets, and 5,000 idle MQTT clients on
// the same hub; the same websockets on bare ws. Resident memory, when all garbage is gone.
import { type Bench, portOf, type Server } from './bench.ts'
import type { WireName } from './load/wires.ts'
import type { Row } from './table.ts'

const connections = 5000

export async function memory(bench: Bench): Promise<Row[]> {
  const hub = await bench.server('hub')
  const bare = await bench.server('bare ws')
  const bareBytes = await bytesEach(bench, bare, 'relay')
  const websocketBytes = await bytesEach(bench, hub, 'talk')
  const mqttBytes = await bytesEach(bench, hub, 'mqtt')
  const row = (question: string, bytes: number, target?: Row['target']): Row => ({
    question,
    hub: kibibytes(bytes),
    peer: 'bare ws',
    theirs: kibibytes(bareBytes),
    ratio: bytes / bareBytes,
    target,
  })
  const over = websocketBytes - bareBytes
  return [
    row('idle websocket', websocketBytes),
    {
      question: 'idle websocket, over bare ws',
      hub: kibibytes(over),
      peer: 'the limit',
      theirs: kibibytes(limitBytes),
      ratio: over / limitBytes,
      target: { most: 1 },
    },
    row('idle MQTT client', mqttBytes),
  ]
}

const limitBytes = 12 * 1024

async function bytesEach(bench: Bench, server: Server, wire: WireName): Promise<number> {
  // What is only needed once is there already.
  const stay = { wire, port: portOf(server, wire), rooms: 1 }
  await bench.load('stay', { ...stay, connections: 500 })
  const { bytes: before } = await server.ask('memory')
  await bench.load('stay', { ...stay, connections })
  const { bytes } = await server.ask('memory')
  return (bytes - before) / connections
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`
}
