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

export function connectPacket(clientId: string, isClean = true, level: Level = 4): Buffer {
  const head = Buffer.from([level, isClean ? 2 : 0, 0, 60])
  return packet(0x10, [field('MQTT'), head, ...propertiesOf(level), field(clientId)])
}

export function subscribePacket(filters: readonly string[], qos = 0, level: Level = 4): Buffer {
  const all = filters.map((filter) => Buffer.concat([field(filter), Buffer.from([qos])]))
  return packet(0x82, [number(1), ...propertiesOf(level), ...all])
}

/** Of the protocol: 3.1.1, and 5, whose packets have properties. */
export type Level = 4 | 5

/** What stands in the place of properties, of which there are less than 128 bytes. */
export function propertiesOf(
  level: Level,
  properties: Buffer = Buffer.alloc(0),
): readonly Buffer[] {
  return level === 4 ? [] : [Buffer.from([properties.length]), properties]
}

/** Counts whole packets; each has less than 128 bytes behind its length. */
export function countPackets(received: Buffer): number {
  let count = 0
  for (let at = 0; at < received.length; count++) {
    at += 2 + (received[at + 1] ?? received.length)
    if (at > received.length) return count
  }
  return count
}

export const pingPacket = Buffer.from([0xc0, 0])

export const subackBytes = 5
