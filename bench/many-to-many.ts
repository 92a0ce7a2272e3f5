// What does it cost when many talk at once, each to its own? 50 bases, each with one publisher and 10
// receivers, QoS 0.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

const bases = 50
const receivers = 10

const sidesOf: Readonly<Record<string, readonly Side[]>> = {
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
}

export async function manyToMany(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const [wire, sides] of Object.entries(sidesOf)) {
    const servers = await openSides(bench, sides)
    const question = `${wire}, ${bases} bases of 1→${receivers}`
    const flood = { rooms: bases, receivers }
    const measure: Measure = (subject) => bench.load('flood', { ...subject, ...flood })
    await warmUp(servers, measure)
    rows.push(...(await compare(question, servers, measure)))
  }
  return rows
}
