// What does it cost to hand one message to many MQTT clients? One publisher and 10, 100 or 1,000
// subscribers, QoS 0, packets of 100 bytes.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

const sides: readonly Side[] = [
  { name: 'hub', wire: 'mqtt' },
  { name: 'Mosquitto', wire: 'mqtt', target: { least: 4 } },
  { name: 'bare Aedes', wire: 'mqtt', target: { least: 4 } },
  { name: 'MQTT floor', wire: 'mqtt' },
]

export async function fanOutByMqtt(bench: Bench): Promise<Row[]> {
  const servers = await openSides(bench, sides)
  const fanOut =
    (receivers: number): Measure =>
    (subject) =>
      bench.load('flood', { ...subject, rooms: 1, receivers })
  await warmUp(servers, fanOut(100))
  const rows: Row[] = []
  for (const receivers of [10, 100, 1000]) {
    const found = await compare(`MQTT fan-out 1→${receivers}`, servers, fanOut(receivers))
    rows.push(...(receivers === 100 ? found : found.map(({ target: _, ...row }) => row)))
  }
  return rows
}
