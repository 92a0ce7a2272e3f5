// How long from a command until it is known to be obeyed? A websocket and the hub, against two MQTT clients
// and Mosquitto, in turn, one command at a time, with a node on loopback that answers at once. The clients
// are this process; both brokers, and the node of each, are processes of their own.
import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import { WebSocket } from 'ws'
import { startMosquitto } from '../test/programs.ts'
import { withoutDelay } from './load/without-delay.ts'
import { nextMessage, quantile, start } from './processes.ts'

const warmUpRounds = 200
const rounds = 1000
/** So many that none is commanded faster than a relay may be. */
const relays = 200
/** Between two commands, so that all that the one before led to has come to rest. */
const pauseMs = 5

/** Milliseconds from a command to what tells that it was obeyed, by the name of that. */
type Times = Record<string, number>
/** Commands a relay, and answers when all has come that tells of it. */
type Trip = (relay: string, payload: string) => Promise<Times>

const ends: (() => unknown)[] = []
const owner = { teardown: (end: () => unknown) => void ends.push(end) }

function startChild(file: string, args: readonly string[] = []) {
  const child = start(file, args)
  owner.teardown(() => child.kill())
  return child
}

async function hubTrip(): Promise<Trip> {
  const ports = await nextMessage(startChild('./servers/hub.ts'))
  const { port, httpPort } = ports as { port: number; httpPort: number }
  await nextMessage(startChild('./load/answering-node.ts', [`mqtt://127.0.0.1:${port}`]))
  const websocket = new WebSocket(`ws://127.0.0.1:${httpPort}/talk/nodes/bridge/0`)
  owner.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  let id = 0
  return (relay, payload) =>
    new Promise((resolve) => {
      const times: Times = {}
      const sentAtMs = performance.now()
      const hear = (frame: Buffer) => {
        const afterMs = performance.now() - sentAtMs
        const [topic, value] = JSON.parse(String(frame))
        if (topic === relay) times['hub: report'] = afterMs
        if (value?.receipt === 'confirmed') times['hub: receipt'] = afterMs
        if (Object.keys(times).length < 2) return
        websocket.off('message', hear)
        resolve(times)
      }
      websocket.on('message', hear)
      websocket.send(`["${relay}/set",${payload},{"id":"${id++}"}]\n`)
    })
}

async function mosquittoTrip(): Promise<Trip> {
  // As fast as it can be: by default it leaves Nagle's algorithm on.
  const { url } = await startMosquitto(owner, { config: ['set_tcp_nodelay true'] })
  await nextMessage(startChild('./load/answering-node.ts', [url]))
  const client = await connectAsync(url, { protocolVersion: 4 })
  owner.teardown(() => client.endAsync(true))
  withoutDelay(client)
  await client.subscribeAsync('nodes/bridge/0/+/+', { qos: 1 })
  return (relay, payload) =>
    new Promise((resolve) => {
      const topic = `nodes/bridge/0/${relay}`
      const sentAtMs = performance.now()
      const hear = (heard: string) => {
        const afterMs = performance.now() - sentAtMs
        if (heard !== topic) return
        client.off('message', hear)
        resolve({ 'Mosquitto: report': afterMs })
      }
      client.on('message', hear)
      client.publish(`${topic}/set`, payload, { qos: 1 })
    })
}

async function measure(trips: readonly Trip[]): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>()
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    const relay = `relay/i2c0-${round % relays}`
    const payload = JSON.stringify({ state: Math.floor(round / relays) % 2 === 0 })
    for (const trip of trips) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      for (const [name, ms] of Object.entries(await trip(relay, payload))) {
        if (round >= warmUpRounds) times.set(name, [...(times.get(name) ?? []), ms])
      }
    }
  }
  return times
}

function print(times: ReadonlyMap<string, readonly number[]>): void {
  const mosquitto = times.get('Mosquitto: report') ?? []
  const columns = (all: readonly number[]) =>
    [0.5, 0.99].flatMap((share) => {
      const ms = quantile(all, share)
      const ratio = (ms / quantile(mosquitto, share)).toFixed(2)
      return [
        [`p${share * 100} ms`, Number(ms.toFixed(3))],
        [`p${share * 100} : Mosquitto`, Number(ratio)],
      ]
    })
  console.table(
    [...times].map(([name, all]) => ({
      'from a command to': name,
      ...Object.fromEntries(columns(all)),
    })),
  )
}

try {
  print(await measure([await hubTrip(), await mosquittoTrip()]))
} finally {
  for (const end of ends.reverse()) await end()
}
