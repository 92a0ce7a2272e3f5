// Websocket frames of a client, built before anything is measured.

/** RFC 6455, 1.3: any 16 bytes. */
const key = Buffer.alloc(16).toString('base64')

export function upgradeRequest(path: string, subprotocol?: string): Buffer {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}

const opcodes = { text: 1, binary: 2 } as const

/** RFC 6455, 5.2: a masked frame. The mask is 0, so the bytes stay what they are. */
export function clientFrame(payload: Buffer, kind: keyof typeof opcodes = 'text'): Buffer {
  const { length } = payload
  const head = length < 126 ? [128 | length] : [128 | 126, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([128 | opcodes[kind], ...head, 0, 0, 0, 0]), payload])
}

/** What a server needs to frame as many bytes. */
export function serverFrameBytes(payloadBytes: number): number {
  return payloadBytes + (payloadBytes < 126 ? 2 : 4)
}

/** RFC 6455, 5.5.2: whether what came begins with a ping. */
export function isPing(read: Buffer): boolean {
  return read.readUInt8() === 0x89
}

/** RFC 6455, 5.5.3, masked by 0. */
export const pongFrame = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
