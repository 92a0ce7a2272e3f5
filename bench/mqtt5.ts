// What does MQTT 5 cost? One publisher and 50 subscribers, and 50 publishers whom nobody hears, beside the
// hub's own 3.1.1 and Mosquitto's MQTT 5; and what four properties of each message add.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

const subscribers = 50
const publishers = 50

const ownPeer = { name: 'hub', label: 'the hub, 3.1.1', wire: 'mqtt' } as const

/** In messages for the same processor time. */
const sidesOf = (leastOfMosquitto?: number): readonly Side[] => [
  { name: 'hub', wire: 'mqtt5' },
  { ...ownPeer, target: { least: 0.95 } },
  {
    name: 'Mosquitto',
    wire: 'mqtt5',
    target: leastOfMosquitto === undefined ? undefined : { least: leastOfMosquitto },
  },
]

const sidesWithProperties: readonly Side[] = [
  { name: 'hub', wire: 'mqtt5WithProperties' },
  { ...ownPeer, target: { least: 0.7 } },
  { name: 'Mosquitto', wire: 'mqtt5WithProperties' },
]

export async function mqtt5(bench: Bench): Promise<Row[]> {
  const fanOut: Measure = (subject) =>
    bench.load('flood', { ...subject, rooms: 1, receivers: subscribers })
  const ingest =
    (qos: 0 | 1): Measure =>
    (subject) =>
      bench.load('ingest', { ...subject, publishers, qos })
  const questions: readonly [string, readonly Side[], Measure][] = [
    [`MQTT 5 fan-out 1→${subscribers}`, sidesOf(4), fanOut],
    [`MQTT 5 fan-out 1→${subscribers}, 4 properties`, sidesWithProperties, fanOut],
    ['MQTT 5 ingest QoS 0', sidesOf(0.8), ingest(0)],
    ['MQTT 5 ingest QoS 0, 4 properties', sidesWithProperties, ingest(0)],
    ['MQTT 5 ingest QoS 1', sidesOf(), ingest(1)],
  ]
  const rows: Row[] = []
  for (const [question, sides, measure] of questions) {
    const servers = await openSides(bench, sides)
    await warmUp(servers, measure)
    rows.push(...(await compare(question, servers, measure)))
  }
  return rows
}
