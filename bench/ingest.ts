// What does it cost to take a message in that nobody waits for? 50 publishers, at QoS 0 and at QoS 1, with
// nothing kept on disk.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row, Target } from './table.ts'

const publishers = 50

// In messages for the same processor time: 1.0 is Mosquitto's cost, and 1.5 is two thirds of it.
const targets: Readonly<Record<0 | 1, Target>> = { 0: { least: 1 }, 1: { least: 1.5 } }

export async function ingestion(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const qos of [0, 1] as const) {
    const sides: readonly Side[] = [
      { name: 'hub', wire: 'mqtt' },
      { name: 'Mosquitto', wire: 'mqtt', target: targets[qos] },
      { name: 'bare Aedes', wire: 'mqtt' },
    ]
    const servers = await openSides(bench, sides)
    const question = `ingest QoS ${qos}, ${publishers} publishers`
    const measure: Measure = (subject) => bench.load('ingest', { ...subject, publishers, qos })
    await warmUp(servers, measure)
    rows.push(...(await compare(question, servers, measure)))
  }
  return rows
}
