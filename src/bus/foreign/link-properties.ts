/** What MQTT 5 says of a message besides, as the package mqtt has it and as the hub does [MQTT 5, 3.3.2.3]. */
import type { IPublishPacket } from 'mqtt'
import { steadyMs } from '../../core/clock.ts'
import type { MessageProperties } from '../../core/message.ts'

type PacketProperties = NonNullable<IPublishPacket['properties']>

/** [MQTT 5, 2.2.2.2] Those that go on to receivers. */
const ids = {
  payloadFormat: 1,
  contentType: 3,
  responseTopic: 8,
  correlationData: 9,
  userProperty: 38,
} as const

/** Undefined for a message of which nothing is said, as of most. */
export function propertiesOf(said: PacketProperties | undefined): MessageProperties | undefined {
  if (said === undefined) return undefined
  const { messageExpiryInterval: seconds, payloadFormatIndicator: isText } = said
  const bytes = Buffer.concat([
    ...(isText === undefined ? [] : [Buffer.from([ids.payloadFormat, Number(isText)])]),
    ...field(ids.contentType, said.contentType),
    ...field(ids.responseTopic, said.responseTopic),
    ...field(ids.correlationData, said.correlationData),
    ...Object.entries(said.userProperties ?? {}).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => field(ids.userProperty, name, value)),
    ),
  ])
  if (seconds !== undefined) return { bytes, expiresAtMs: steadyMs() + seconds * 1000 }
  return { bytes }
}

/** One property of texts or bytes; none for what is not said. */
function field(id: number, ...parts: readonly (string | Buffer | undefined)[]): Buffer[] {
  const said = parts.flatMap((part) => (part === undefined ? [] : [Buffer.from(part)]))
  if (said.length === 0) return []
  const measured = said.flatMap((part) => [
    Buffer.from([part.length >> 8, part.length & 255]),
    part,
  ])
  return [Buffer.from([id]), ...measured]
}

/** For how many seconds a message is still of use: 0 when its time has come, undefined for one that has none. */
export function secondsLeft({ expiresAtMs }: MessageProperties): number | undefined {
  if (expiresAtMs === undefined) return undefined
  return Math.max(0, Math.ceil((expiresAtMs - steadyMs()) / 1000))
}

/** What a message says besides, but for the time it has. */
export function packetProperties({ bytes }: MessageProperties): PacketProperties {
  const said: PacketProperties = {}
  const pairs = new Map<string, string[]>()
  let at = 0
  const part = () => {
    const start = at + 2
    at = start + bytes.readUInt16BE(at)
    return bytes.subarray(start, at)
  }
  while (at < bytes.length) {
    const id = bytes.readUInt8(at++)
    if (id === ids.payloadFormat) said.payloadFormatIndicator = bytes.readUInt8(at++) === 1
    else if (id === ids.contentType) said.contentType = String(part())
    else if (id === ids.responseTopic) said.responseTopic = String(part())
    else if (id === ids.correlationData) said.correlationData = part()
    else {
      const name = String(part())
      pairs.set(name, [...(pairs.get(name) ?? []), String(part())])
    }
  }
  if (pairs.size > 0) said.userProperties = Object.fromEntries(pairs)
  return said
}
