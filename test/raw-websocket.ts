import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { upgradeText } from './raw-http.ts'
import type { HubPorts } from './started-hub.ts'

export interface RawWebSocket {
  readonly socket: Socket
  /** The code of the hub's close frame, or undefined when the connection ended without one. */
  closeCode(): Promise<number | undefined>
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>
}

/** A websocket whose bytes the test writes itself; only the handshake is made for it. */
export async function rawWebSocketTo(
  t: Test,
  hub: Pick<HubPorts, 'httpPort'>,
  { path = '/talk', user = 'clown', password = 'bigclown' } = {},
): Promise<RawWebSocket> {
  const socket = connect(hub.httpPort, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  const protocol = path === '/mqtt' ? { 'Sec-WebSocket-Protocol': 'mqtt' } : {}
  socket.write(upgradeText(path, { Authorization: `Basic ${credentials}`, ...protocol }))
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1\.1 101 /)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const closeCode = async () => {
    await ended
    return closeCodeIn(Buffer.concat(chunks))
  }
  return { socket, closeCode, ended }
}

/** A frame whose first byte is FIN, RSV and opcode as they stand in RFC 6455, 5.2. */
export function rawFrame(firstByte: number, payload: Buffer | string = '', mask = 0x80): Buffer {
  const body = Buffer.from(payload)
  const length =
    body.length < 126 ? [mask | body.length] : [mask | 126, body.length >> 8, body.length & 255]
  // Four zeros are a mask that changes nothing.
  const key = mask === 0 ? [] : [0, 0, 0, 0]
  return Buffer.concat([Buffer.from([firstByte, ...length, ...key]), body])
}

/** Walks over the hub's frames, which are short and not masked, to the one that says goodbye. */
function closeCodeIn(bytes: Buffer): number | undefined {
  for (let at = 0; at + 1 < bytes.length; ) {
    const length = bytes.readUInt8(at + 1)
    const head = length === 126 ? 4 : 2
    const size = length === 126 ? bytes.readUInt16BE(at + 2) : length
    if ((bytes.readUInt8(at) & 15) === 8) return bytes.readUInt16BE(at + head)
    at += head + size
  }
  return undefined
}
