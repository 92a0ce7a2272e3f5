// What does a message cost at the rates that people have? One publisher and 100 receivers: one message in each
// tick, 100 a second; and ten at once, ten times a second. Whatever is done once a tick is done for one message.
import type { Bench } from './bench.ts'
import { compare, type Measure, openSides, type Side, warmUp } from './compare.ts'
import type { Row } from './table.ts'

const rates = {
  'one message a tick': { burst: 1, everyMs: 10 },
  'ten at once': { burst: 10, everyMs: 100 },
}

type Rate = keyof typeof rates

/** A server on one wire, and how many times its cost the hub's may be at least, by rate. */
interface Peer extends Omit<Side, 'target'> {
  readonly least?: Partial<Record<Rate, number>>
}

const websocketPeers: readonly Peer[] = [
  { name: 'hub', wire: 'talk' },
  { name: 'bare ws', wire: 'relay', least: { 'one message a tick': 1, 'ten at once': 4.5 } },
  { name: 'websocket floor', wire: 'relay', least: { 'one message a tick': 0.9 } },
]

const mqttPeers: readonly Peer[] = [
  { name: 'hub', wire: 'mqtt' },
  { name: 'Mosquitto', wire: 'mqtt', least: { 'one message a tick': 0.8 } },
  { name: 'bare Aedes', wire: 'mqtt' },
  { name: 'MQTT floor', wire: 'mqtt' },
]

export function sparseByWebsocket(bench: Bench): Promise<Row[]> {
  return askAtAllRates(bench, 'websocket', websocketPeers)
}

export function sparseByMqtt(bench: Bench): Promise<Row[]> {
  return askAtAllRates(bench, 'MQTT', mqttPeers)
}

const receivers = 100
/** Long enough that what is done now and then is in it. */
const seconds = 3

async function askAtAllRates(bench: Bench, what: string, peers: readonly Peer[]): Promise<Row[]> {
  const servers = await openSides(bench, peers)
  const atRate =
    (rate: Rate): Measure =>
    (subject) =>
      bench.load('sparse', { ...subject, ...rates[rate], receivers })
  const leastOf = ({ peer }: Row, rate: Rate) =>
    peers.find(({ name }) => name === peer)?.least?.[rate]
  // A server runs for months: what is asked is what a message costs when all of it is compiled, also
  // what runs once a read, of which a flood has few.
  const often = { burst: 1, everyMs: 1, receivers, seconds: 4 }
  await warmUp(servers, (subject) => bench.load('flood', { ...subject, rooms: 1, receivers }))
  await warmUp(servers, (subject) => bench.load('sparse', { ...subject, ...often }))
  const rows: Row[] = []
  for (const rate of ['one message a tick', 'ten at once'] as const) {
    const measure: Measure = (subject) => atRate(rate)({ ...subject, seconds })
    for (const row of await compare(`${what} 1→${receivers}, ${rate}`, servers, measure)) {
      const least = leastOf(row, rate)
      rows.push(least === undefined ? row : { ...row, target: { least } })
    }
  }
  return rows
}
