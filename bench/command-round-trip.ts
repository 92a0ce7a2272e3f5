// How long from a command until it is known to be obeyed? A websocket and the hub, against two MQTT clients
// and Mosquitto, in turn, one command at a time, with a node on loopback that answers at once. The clients
// are this process; both brokers, and the node of each, are processes of their own.
import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import { WebSocket } from 'ws'
import { type Bench, portOf } from './bench.ts'
import { withoutDelay } from './load/without-delay.ts'
import { end, nextMessage, quantile, start } from './processes.ts'
import type { Row } from './table.ts'

/** A hub runs for months: what is asked is how long a command takes when all of it is compiled. */
const warmUpRounds = 1500
const rounds = 500
/** So many that none is commanded faster than a relay may be. */
const relays = 200
/** Between two commands, so that all that the one before led to has come to rest. */
const pauseMs = 5

/** Milliseconds from a command to what tells that it was obeyed, by the name of that. */
type Times = Record<string, number>

/** Commands a relay, and answers when all has come that tells of it. */
interface Trip {
  go(relay: string, payload: string): Promise<Times>
  end(): Promise<void>
}

type HubName = 'hub' | 'hub beside Mosquitto'

async function startNode(port: number) {
  const node = start('./load/answering-node.ts', [`mqtt://127.0.0.1:${port}`])
  await nextMessage(node)
  return node
}

async function openHubTrip(bench: Bench, name: HubName): Promise<Trip> {
  const hub = await bench.server(name)
  const node = await startNode(portOf(hub, 'mqtt'))
  const websocket = new WebSocket(`ws://127.0.0.1:${portOf(hub, 'talk')}/talk/nodes/bridge/0`)
  await once(websocket, 'open')
  let id = 0
  const go: Trip['go'] = (relay, payload) =>
    new Promise((resolve) => {
      const times: Times = {}
      const sentAtMs = performance.now()
      const hear = (frame: Buffer) => {
        const afterMs = performance.now() - sentAtMs
        const what = newsOf(frame, relay)
        if (what !== undefined) times[what] = afterMs
        if (Object.keys(times).length < 2) return
        websocket.off('message', hear)
        resolve(times)
      }
      websocket.on('message', hear)
      websocket.send(`["${relay}/set",${payload},{"id":"${id++}"}]\n`)
    })
  return {
    go,
    end: async () => {
      websocket.terminate()
      await end(node)
    },
  }
}

function newsOf(frame: Buffer, relay: string): 'report' | 'receipt' | undefined {
  const [topic, value] = JSON.parse(String(frame))
  if (topic === relay) return 'report'
  return value?.receipt === 'confirmed' ? 'receipt' : undefined
}

async function openMosquittoTrip(bench: Bench): Promise<Trip> {
  const port = portOf(await bench.server('Mosquitto'), 'mqtt')
  const node = await startNode(port)
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 })
  withoutDelay(client)
  await client.subscribeAsync('nodes/bridge/0/+/+', { qos: 1 })
  const go: Trip['go'] = (relay, payload) =>
    new Promise((resolve) => {
      const topic = `nodes/bridge/0/${relay}`
      const sentAtMs = performance.now()
      const hear = (heard: string) => {
        const afterMs = performance.now() - sentAtMs
        if (heard !== topic) return
        client.off('message', hear)
        resolve({ Mosquitto: afterMs })
      }
      client.on('message', hear)
      client.publish(`${topic}/set`, payload, { qos: 1 })
    })
  return {
    go,
    end: async () => {
      await client.endAsync(true)
      await end(node)
    },
  }
}

async function measure(trips: readonly Trip[]): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>()
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    const relay = `relay/i2c0-${round % relays}`
    const payload = JSON.stringify({ state: Math.floor(round / relays) % 2 === 0 })
    for (const trip of trips) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      for (const [name, ms] of Object.entries(await trip.go(relay, payload))) {
        if (round >= warmUpRounds) times.set(name, [...(times.get(name) ?? []), ms])
      }
    }
  }
  return times
}

function rowsOf(times: ReadonlyMap<string, readonly number[]>): Row[] {
  const all = (name: string) => times.get(name) ?? []
  return ['report', 'receipt'].flatMap((what) =>
    [0.5, 0.99].map((share): Row => {
      const hub = quantile(all(what), share)
      const theirs = quantile(all('Mosquitto'), share)
      return {
        question: `command to ${what} p${share * 100}`,
        hub: `${hub.toFixed(3)} ms`,
        peer: 'Mosquitto (report)',
        theirs: `${theirs.toFixed(3)} ms`,
        ratio: hub / theirs,
        target: share === 0.5 ? { most: 1.8 } : undefined,
      }
    }),
  )
}

export async function commandRoundTrip(bench: Bench): Promise<Row[]> {
  const trips = [await openHubTrip(bench, 'hub'), await openMosquittoTrip(bench)]
  try {
    return rowsOf(await measure(trips))
  } finally {
    for (const trip of trips) await trip.end()
  }
}

/** The same trip, of which only the receipt counts, by another name. */
function receiptOf({ go, end }: Trip, name: string): Trip {
  return {
    go: async (...command) => ({ [name]: (await go(...command))['receipt'] ?? Number.NaN }),
    end,
  }
}

/** What it costs that the bus is another process: at most a millisecond more. */
export async function commandBesideBroker(bench: Bench): Promise<Row[]> {
  const beside = await openHubTrip(bench, 'hub beside Mosquitto')
  const embedded = await openHubTrip(bench, 'hub')
  try {
    const times = await measure([receiptOf(beside, 'beside'), receiptOf(embedded, 'embedded')])
    return [0.5, 0.99].map((share): Row => {
      const hub = quantile(times.get('beside') ?? [], share)
      const theirs = quantile(times.get('embedded') ?? [], share)
      return {
        question: `command beside Mosquitto to receipt p${share * 100}`,
        hub: `${hub.toFixed(3)} ms`,
        peer: 'embedded + 1 ms',
        theirs: `${(theirs + 1).toFixed(3)} ms`,
        ratio: hub / (theirs + 1),
        target: share === 0.5 ? { most: 1 } : undefined,
      }
    })
  } finally {
    for (const trip of [beside, embedded]) await trip.end()
  }
}
