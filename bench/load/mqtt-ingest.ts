// Publishers at QoS 1, each with a window of messages that are not acknowledged, and one kept session that
// receives and acknowledges all of it. Raw sockets, packets of one length. Arguments: PORT KIND SECONDS,
// KIND `queued` or `retained`.
import { connect, type Socket } from 'node:net'
import { connectPacket, field, number, packet, subscribePacket } from './packets.ts'

const [port = '0', kind = 'queued', seconds = '0'] = process.argv.slice(2)
const publishers = 10
const windowMessages = 100
const topics = 1000
const isRetained = kind === 'retained'
const payload = Buffer.alloc(100, 'x')

/** Connects, and answers when the whole CONNACK has come. */
function open(clientId: string, isClean: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
    socket.once('data', () => resolve(socket))
    socket.on('error', reject)
    socket.on('close', () => process.exit(1))
    socket.write(connectPacket(clientId, isClean))
  })
}

/** Message `count`: topics and packets have the same lengths for all. */
function message(count: number): Buffer {
  const topic = isRetained ? 1000 + (count % topics) : 1000
  const id = (count % 60_000) + 1
  const first = isRetained ? 0x33 : 0x32
  return packet(first, [field(`bench/ingest/${topic}`), number(id), payload])
}

const messageBytes = message(0).length
const idAt = messageBytes - payload.length - 2

/** Acknowledges each message; all of them are of one length. */
function acknowledge(socket: Socket): void {
  let waiting = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    waiting = Buffer.concat([waiting, chunk])
    const answers: number[] = []
    while (waiting.length >= messageBytes) {
      answers.push(0x40, 2, waiting[idAt] ?? 0, waiting[idAt + 1] ?? 0)
      waiting = waiting.subarray(messageBytes)
    }
    socket.write(Buffer.from(answers))
  })
}

let acknowledged = 0

/** Keeps the window full. */
function publish(socket: Socket, offset: number): void {
  let sent = 0
  const send = (count: number) => {
    const packets = Array.from({ length: count }, () => message(offset + publishers * sent++))
    socket.write(Buffer.concat(packets))
  }
  let rest = 0
  socket.on('data', (chunk) => {
    const count = Math.floor((rest + chunk.length) / 4)
    rest = (rest + chunk.length) % 4
    acknowledged += count
    if (count > 0) send(count)
  })
  send(windowMessages)
}

const subscriber = await open('subscriber', false)
if (!isRetained) {
  const granted = new Promise((resolve) => subscriber.once('data', resolve))
  subscriber.write(subscribePacket(['bench/#'], 1))
  await granted
  acknowledge(subscriber)
}
for (let at = 0; at < publishers; at++) publish(await open(`publisher-${at}`, true), at)

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
await wait(1000)
const before = acknowledged
const startMs = performance.now()
process.send?.('measuring')
await wait(Number(seconds) * 1000)
const elapsedSeconds = (performance.now() - startMs) / 1000
process.send?.({ acknowledged: acknowledged - before, elapsedSeconds })
process.exit(0)
