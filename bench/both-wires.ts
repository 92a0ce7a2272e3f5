// The questions that are asked of two wires alike, and who answers them there.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { FloodOptions } from './load/flood.ts'
import type { Row } from './table.ts'

export const sidesOf = {
  MQTT: [
    { name: 'hub', wire: 'mqtt' },
    { name: 'Mosquitto', wire: 'mqtt' },
    { name: 'bare Aedes', wire: 'mqtt' },
  ],
  websocket: [
    { name: 'hub', wire: 'talk' },
    { name: 'bare ws', wire: 'relay' },
    { name: 'socket.io', wire: 'socketIo' },
    { name: 'Mosquitto', wire: 'mqttByWebsocket' },
  ],
} as const satisfies Readonly<Record<string, readonly Side[]>>

type Rooms = Pick<FloodOptions, 'rooms' | 'receivers'>

/** What a flood of messages in `rooms` costs the hub and its peers, on each wire. */
export async function floodBothWires(bench: Bench, what: string, rooms: Rooms): Promise<Row[]> {
  const rows: Row[] = []
  for (const [wire, sides] of Object.entries(sidesOf)) {
    const servers = await openSides(bench, sides)
    const measure: Measure = (subject) => bench.load('flood', { ...subject, ...rooms })
    await warmUp(servers, measure)
    rows.push(...(await compare(`${wire} ${what}`, servers, measure)))
  }
  return rows
}
