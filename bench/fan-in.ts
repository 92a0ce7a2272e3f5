// What does it cost to bring the messages of many to one? 100 publishers and one who listens to all of
// them, QoS 0; by websocket the hub and the others tell each publisher its own message, too.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

const publishers = 100

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

export async function fanIn(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const [wire, sides] of Object.entries(sidesOf)) {
    const servers = await openSides(bench, sides)
    const question = `${wire} fan-in ${publishers}→1`
    const flood = { rooms: publishers, receivers: 'all' } as const
    const measure: Measure = (subject) => bench.load('flood', { ...subject, ...flood })
    await warmUp(servers, measure)
    rows.push(...(await compare(question, servers, measure)))
  }
  return rows
}
