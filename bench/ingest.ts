// What does it cost to take a message in that nobody waits for? At QoS 0 and at QoS 1, with nothing kept on disk; and
// at QoS 1 with a data folder, where acknowledged means stored, beside a broker that stores nothing.
import { answer } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

interface Question {
  readonly qos: 0 | 1
  readonly publishers: number
  readonly hub: 'hub' | 'hub with a data folder'
  /** In messages for the same processor time: 1.0 is Mosquitto's cost. */
  readonly least: number
}

const questions: readonly Question[] = [
  { qos: 0, publishers: 10, hub: 'hub', least: 0.65 },
  { qos: 0, publishers: 50, hub: 'hub', least: 0.65 },
  { qos: 1, publishers: 50, hub: 'hub', least: 1.5 },
  { qos: 1, publishers: 50, hub: 'hub with a data folder', least: 1.2 },
]

export async function ingestion(): Promise<Row[]> {
  const rows: Row[] = []
  // One after the other: servers that are not asked any more take memory, and now and then a processor.
  for (const question of questions) rows.push(...(await ask(question)))
  return rows
}

function ask({ qos, publishers, hub, least }: Question): Promise<Row[]> {
  const sides: readonly Side[] = [
    { name: hub, wire: 'mqtt' },
    { name: 'Mosquitto', wire: 'mqtt', target: { least } },
    { name: 'bare Aedes', wire: 'mqtt' },
  ]
  return answer(async (bench) => {
    const servers = await openSides(bench, sides)
    const measure: Measure = (subject) => bench.load('ingest', { ...subject, publishers, qos })
    await warmUp(servers, measure)
    const where = hub === 'hub' ? '' : ', data folder'
    return compare(`ingest QoS ${qos}, ${publishers} publishers${where}`, servers, measure)
  })
}
