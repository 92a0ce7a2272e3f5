// The floor: what is left when a hub does nothing but write. It answers what opens a connection, parses
// nothing, and then writes to each receiver the bytes a hub would write, as often as a hub would: once a
// turn of the event loop. Arguments: `websocket` or `mqtt`.
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { portOf } from '../../src/core/listen.ts'
import { firstRoom, wires } from '../load/wires.ts'

const kind = process.argv[2] === 'mqtt' ? 'mqtt' : 'relay'
const wire = wires[kind]
const sentBytes = wire.message(firstRoom).length
const receivers = new Set<Socket>()
/** The mask of 0 is left out. */
const header = wire.deliveredBytes(firstRoom) - (sentBytes - maskedHeaderBytes())
const delivered = kind === 'mqtt' ? wire.message(firstRoom) : unmasked(wire.message(firstRoom))

function maskedHeaderBytes(): number {
  return wire.deliveredBytes(firstRoom) < 128 ? 6 : 8
}

function unmasked(frame: Buffer): Buffer {
  const bytes = Buffer.concat([frame.subarray(0, header), frame.subarray(maskedHeaderBytes())])
  bytes.writeUInt8(bytes.readUInt8(1) & 127, 1)
  return bytes
}

let messages = 0
let restBytes = 0

function write(): void {
  const batch = Buffer.concat(new Array(messages).fill(delivered))
  messages = 0
  for (const receiver of receivers) receiver.write(batch)
}

/** Messages are of one length: their number is all there is to know. */
function take(bytes: number): void {
  const whole = Math.floor((restBytes + bytes) / sentBytes)
  restBytes = (restBytes + bytes) % sentBytes
  if (whole === 0) return
  if (messages === 0) setImmediate(write)
  messages += whole
}

function open(socket: Socket, chunk: Buffer): boolean {
  if (kind === 'mqtt') return openMqtt(socket, chunk)
  const key = /Sec-WebSocket-Key: (.*)\r\n/.exec(chunk.toString())?.[1]
  // RFC 6455, 1.3.
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
  receivers.add(socket)
  return true
}

/** Who does not subscribe is a publisher. */
function openMqtt(socket: Socket, chunk: Buffer): boolean {
  const type = chunk.readUInt8() >> 4
  if (type === 1) socket.write(Buffer.from([0x20, 2, 0, 0]))
  if (type === 8) {
    socket.write(Buffer.from([0x90, 3, 0, 1, 0]))
    receivers.add(socket)
  }
  return type === 3
}

const server = createServer({ noDelay: true }, (socket) => {
  let isOpen = false
  socket.on('data', (chunk) => {
    if (isOpen) {
      take(chunk.length)
      return
    }
    isOpen = open(socket, chunk)
    if (isOpen && kind === 'mqtt') take(chunk.length)
  })
  socket.on('close', () => receivers.delete(socket))
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: portOf(server) }))
