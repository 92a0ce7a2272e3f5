// What does it cost to hand one message to many browsers? One publisher and 10, 100 or 1,000 receivers,
// all by websocket, lines of some 90 bytes.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

const sides: readonly Side[] = [
  { name: 'hub', wire: 'talk' },
  { name: 'bare ws', wire: 'relay', target: { least: 10 } },
  { name: 'socket.io', wire: 'socketIo', target: { least: 10 } },
  { name: 'Mosquitto', wire: 'mqttByWebsocket', target: { least: 10 } },
  { name: 'websocket floor', wire: 'relay', target: { least: 0.7 } },
]

export async function fanOutByWebsocket(bench: Bench): Promise<Row[]> {
  const servers = await openSides(bench, sides)
  await warmUp(servers, fanOut(bench, 100))
  const rows: Row[] = []
  for (const receivers of [10, 100, 1000]) {
    const found = await compare(questionOf(receivers), servers, fanOut(bench, receivers))
    // With 10 it is the way in that counts, and not asked for.
    rows.push(...(receivers === 10 ? found.map(({ target: _, ...row }) => row) : found))
  }
  return rows
}

/** Only what is next to the hub on any machine: the same write calls, and the same library. */
export async function fanOutBesideFloor(bench: Bench): Promise<Row[]> {
  const near = sides.filter(({ name }) => /^(hub|bare ws|websocket floor)$/.test(name))
  const servers = await openSides(bench, near)
  await warmUp(servers, fanOut(bench, 100))
  return compare(questionOf(100), servers, fanOut(bench, 100))
}

/** The broker takes the messages and brings them back, which is to cost the hub nothing where many read. */
export async function fanOutBesideBroker(bench: Bench): Promise<Row[]> {
  const both: readonly Side[] = [
    { name: 'hub beside Mosquitto', wire: 'talk' },
    { name: 'hub', label: 'embedded', wire: 'talk', target: { least: 1 } },
  ]
  const servers = await openSides(bench, both)
  await warmUp(servers, fanOut(bench, 100))
  return compare('websocket fan-out 1→100 beside Mosquitto', servers, fanOut(bench, 100))
}

function questionOf(receivers: number): string {
  return `websocket fan-out 1→${receivers}`
}

function fanOut(bench: Bench, receivers: number): Measure {
  return (subject) => bench.load('flood', { ...subject, rooms: 1, receivers })
}
