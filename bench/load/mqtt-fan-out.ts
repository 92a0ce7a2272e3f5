// One publisher, many subscribers, raw sockets: counts bytes and parses nothing that it does not have
// to, so that the server is what is measured. Arguments: PORT SUBSCRIBERS SECONDS.
import { connect, type Socket } from 'node:net'

const [port = 0, subscribers = 0, seconds = 0] = process.argv.slice(2).map(Number)
const topic = Buffer.from('bench/fan-out')
const payload = Buffer.alloc(100, 'x')

/** How many messages may be under way to the slowest, so that the server is busy but never behind. */
const windowMessages = 50

function packet(first: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([first, body.length]), body])
}

function field(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, bytes.length]), bytes])
}

function connectPacket(clientId: string): Buffer {
  const head = Buffer.from([...field(Buffer.from('MQTT')), 4, 2, 0, 60])
  return packet(0x10, head, field(Buffer.from(clientId)))
}

/** Connects, sends `first` after CONNECT, and answers when `answerBytes` have come back. */
function open(clientId: string, first: Buffer, answerBytes: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let received = 0
    const count = (chunk: Buffer) => {
      received += chunk.length
      if (received < answerBytes) return
      socket.off('data', count)
      resolve(socket)
    }
    socket.on('data', count)
    socket.on('error', reject)
    socket.write(Buffer.concat([connectPacket(clientId), first]))
  })
}

const publish = packet(0x30, field(topic), payload)
const subscribe = packet(0x82, Buffer.from([0, 1]), field(topic), Buffer.from([0]))
let receivedBytes = 0
for (let at = 0; at < subscribers; at++) {
  const socket = await open(`subscriber-${at}`, subscribe, 9)
  socket.on('data', (chunk) => {
    receivedBytes += chunk.length
    fill()
  })
  socket.on('close', () => process.exit(1))
}
const publisher = await open('publisher', Buffer.alloc(0), 4)

let published = 0
let isOver = false
const deliveries = () => receivedBytes / publish.length

function fill(): void {
  const mayPublish = Math.floor(deliveries() / subscribers) + windowMessages - published
  if (isOver || mayPublish < windowMessages / 2) return
  published += mayPublish
  publisher.write(Buffer.concat(new Array(mayPublish).fill(publish)))
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
fill()
await wait(500)
const before = deliveries()
const startMs = performance.now()
process.send?.('measuring')
await wait(seconds * 1000)
const elapsedSeconds = (performance.now() - startMs) / 1000
process.send?.({ deliveries: deliveries() - before, elapsedSeconds })
isOver = true
process.exit(0)
