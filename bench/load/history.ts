// The same points to several hubs at the same moments, and on each a websocket that sends itself a message
// now and then. Arguments: SECONDS, and MQTT-PORT:HTTP-PORT of each hub. Answers how many milliseconds each of
// those messages was under way, by hub.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'

const [secondsText = '', ...hubs] = process.argv.slice(2)
const seconds = Number(secondsText)
/** 250 messages every 50 ms are 5,000 points a second. */
const everyMs = 50
const atOnce = 250
const devices = 500
const probeEveryMs = 20
/** Until the hubs are as fast as they get. */
const warmUpSeconds = 10

function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([first, body.length]), body])
}

function field(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
}

async function publisherTo(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.write(packet(0x10, field('MQTT'), Buffer.from([4, 2, 0, 60]), field('load')))
  await once(socket, 'data')
  return socket.resume()
}

/** Sends itself a text, which is no point, and notes how long it was under way. */
async function probeOf(httpPort: number): Promise<{ ask(): void; readonly times: number[] }> {
  const websocket = new WebSocket(`ws://127.0.0.1:${httpPort}/talk/probe`)
  const times: number[] = []
  websocket.on('message', (data) => {
    const [, sent] = JSON.parse(String(data))
    times.push(performance.now() - Number(sent))
  })
  await once(websocket, 'open')
  const ask = () => websocket.send(`["a/b",${JSON.stringify(String(performance.now()))}]\n`)
  return { ask, times }
}

/** A walk of each device, in hundredths. */
const values = Array.from({ length: devices }, () => 2000 + Math.floor(Math.random() * 500))
let next = 0

function messages(): Buffer {
  const all: Buffer[] = []
  for (let count = 0; count < atOnce; count++) {
    const device = next++ % devices
    const value = Number(values[device]) + Math.floor(Math.random() * 7) - 3
    values[device] = value
    const payload = Buffer.from(`{"temperature":[${value / 100},"C"]}`)
    all.push(packet(0x30, field(`n/${device}/thermometer/0`), payload))
  }
  return Buffer.concat(all)
}

const opened = await Promise.all(
  hubs.map(async (ports) => {
    const [mqttPort = 0, httpPort = 0] = ports.split(':').map(Number)
    return { publisher: await publisherTo(mqttPort), probe: await probeOf(httpPort) }
  }),
)
const startMs = performance.now()
let published = 0
const publishing = setInterval(() => {
  // What a timer was late by is made good, so that the rate is what it is said to be.
  const due = Math.floor((performance.now() - startMs) / everyMs) * atOnce
  for (; published < due; published += atOnce) {
    const bytes = messages()
    for (const { publisher } of opened) publisher.write(bytes)
  }
}, everyMs)
let turn = 0
const probing = setInterval(() => {
  // In turn another one first.
  const first = turn++ % opened.length
  for (const { probe } of [...opened.slice(first), ...opened.slice(0, first)]) probe.ask()
}, probeEveryMs)
const pause = (forSeconds: number) =>
  new Promise((resolve) => setTimeout(resolve, forSeconds * 1000))
await pause(warmUpSeconds)
const publishedBefore = published
for (const { probe } of opened) probe.times.length = 0
process.send?.('ready')
await pause(seconds)
clearInterval(publishing)
clearInterval(probing)
process.send?.({
  published: published - publishedBefore,
  publishedInAll: published,
  times: opened.map(({ probe }) => probe.times),
})
await pause(0.5)
process.exit(0)
