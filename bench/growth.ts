// Does a message cost more for what does not concern it? 10 bases of 10 subscribers, by MQTT: a hub that
// knows nothing else, and one with 100,000 retained topics, 10,000 other subscriptions or 1,000 other bases.
import { alternate, type Bench, medianReading, portOf, type Server } from './bench.ts'
import { type Row, rowOfReadings } from './table.ts'

/** What a hub is burdened with, and how. */
const burdens: Readonly<Record<string, (bench: Bench, hub: Server) => Promise<void>>> = {
  '100,000 retained topics': (bench, hub) =>
    bench.load('fillRetained', { port: portOf(hub, 'mqtt'), topics: 100_000 }),
  '10,000 subscriptions elsewhere': (bench, hub) =>
    bench.load('subscribeElsewhere', { port: portOf(hub, 'mqtt'), subscriptions: 10_000 }),
  '1,000 other bases': (bench, hub) =>
    bench.load('stay', { port: portOf(hub, 'talk'), wire: 'talk', connections: 1000, rooms: 1000 }),
}

const flood = { wire: 'mqtt', rooms: 10, receivers: 10, seconds: 0.7, warmUpSeconds: 0.3 } as const

export async function growth(bench: Bench): Promise<Row[]> {
  const light = await bench.server('hub')
  const hubs = [light]
  for (const burden of Object.values(burdens)) {
    const hub = await bench.server('hub')
    await burden(bench, hub)
    hubs.push(hub)
  }
  const readings = await alternate(
    hubs,
    (hub) => bench.load('flood', { ...flood, pid: hub.pid, port: portOf(hub, 'mqtt') }),
    5,
  )
  const [theirs, ...burdened] = readings.map(medianReading)
  if (theirs === undefined) throw new Error('expected a reading of the hub that has no burden')
  return Object.keys(burdens).map((burden, at) => {
    const sides = { hub: burdened[at] ?? theirs, peer: 'hub without', theirs }
    return rowOfReadings(`cost beside ${burden}`, sides, { least: 1 / 1.1 })
  })
}
