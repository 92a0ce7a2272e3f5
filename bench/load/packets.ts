// MQTT packets, built before anything is measured.

/** [MQTT-2.2.3] A packet of at most 16,383 bytes. */
export function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = body.length > 127 ? [(body.length & 127) | 128, body.length >> 7] : [body.length]
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

export function field(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([number(bytes.length), bytes])
}

export function number(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}

export function connectPacket(clientId: string, isClean = true): Buffer {
  const head = Buffer.from([4, isClean ? 2 : 0, 0, 60])
  return packet(0x10, [field('MQTT'), head, field(clientId)])
}

export function subscribePacket(filters: readonly string[], qos = 0): Buffer {
  const all = filters.map((filter) => Buffer.concat([field(filter), Buffer.from([qos])]))
  return packet(0x82, [number(1), ...all])
}

export const pingPacket = Buffer.from([0xc0, 0])

export const ackBytes = 4
