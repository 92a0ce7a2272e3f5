// Does the guard in front of Aedes cost anything? One publisher, 100 subscribers, QoS 0, 100 bytes: the
// hub and bare Aedes in turn, each a process of its own, medians of the rounds.
import { cpuMicroseconds, median, nextMessage, start } from './processes.ts'

const rounds = 5
const subscribers = 100
const seconds = 3
const servers = { 'hub (guard, admission, last values)': 'hub', 'bare Aedes': 'bare-aedes' }

interface Round {
  readonly perSecond: number
  readonly cpuPerDelivery: number
}

async function measure(server: string): Promise<Round> {
  const child = start(`./servers/${server}.ts`)
  try {
    const { port } = (await nextMessage(child)) as { port: number }
    const load = start('./load/mqtt-fan-out.ts', [port, subscribers, seconds].map(String))
    await nextMessage(load)
    const before = cpuMicroseconds(child)
    const done = (await nextMessage(load)) as { deliveries: number; elapsedSeconds: number }
    return {
      perSecond: done.deliveries / done.elapsedSeconds,
      cpuPerDelivery: (cpuMicroseconds(child) - before) / done.deliveries,
    }
  } finally {
    child.kill()
  }
}

const results = new Map<string, Round[]>()
for (let round = 0; round < rounds; round++) {
  for (const [name, server] of Object.entries(servers)) {
    results.set(name, [...(results.get(name) ?? []), await measure(server)])
  }
}
const table = [...results].map(([name, all]) => ({
  server: name,
  'deliveries/s': Math.round(median(all.map(({ perSecond }) => perSecond))),
  'µs CPU per delivery': Number(median(all.map((one) => one.cpuPerDelivery)).toFixed(2)),
}))
console.table(table)
const [hub, bare] = table
if (hub !== undefined && bare !== undefined) {
  const ratio = hub['deliveries/s'] / bare['deliveries/s']
  console.log(`hub : bare Aedes = ${ratio.toFixed(2)} deliveries/s`)
}
