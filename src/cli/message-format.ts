/** Formats of messages by letters, as mosquitto_sub has them with -F. */
import type { IPublishPacket } from 'mqtt'
import { isoTime } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import { messageLine } from './message-lines.ts'

/** A message, and when it came. */
interface Arrived {
  readonly packet: IPublishPacket
  readonly atMs: number
}

type Part = (arrived: Arrived) => string

const bytesOf = ({ packet }: Arrived) => Buffer.from(packet.payload)

/** What stands behind a %, as in the manual of mosquitto_sub 2.0, but for aliases, which nobody sees here. */
const letters: Readonly<Record<string, Part>> = {
  '%': () => '%',
  C: ({ packet }) => packet.properties?.contentType ?? '',
  D: ({ packet }) => packet.properties?.correlationData?.toString() ?? '',
  E: ({ packet }) => String(packet.properties?.messageExpiryInterval ?? ''),
  F: ({ packet }) => (packet.properties?.payloadFormatIndicator ? '1' : '0'),
  I: ({ atMs }) => isoTime(atMs),
  J: ({ packet, atMs }) => messageLine(packet, atMs),
  P: ({ packet }) => propertiesText(packet.properties?.userProperties),
  R: ({ packet }) => packet.properties?.responseTopic ?? '',
  S: ({ packet }) => String(packet.properties?.subscriptionIdentifier ?? ''),
  U: ({ atMs }) => (atMs / 1000).toFixed(9),
  X: (arrived) => bytesOf(arrived).toString('hex').toUpperCase(),
  j: ({ packet, atMs }) => messageLine(packet, atMs),
  l: (arrived) => String(bytesOf(arrived).length),
  m: ({ packet }) => String(packet.messageId ?? 0),
  p: (arrived) => bytesOf(arrived).toString(),
  q: ({ packet }) => String(packet.qos),
  r: ({ packet }) => (packet.retain ? '1' : '0'),
  t: ({ packet }) => packet.topic,
  x: (arrived) => bytesOf(arrived).toString('hex'),
}

const two = (value: number) => String(value).padStart(2, '0')
const day = (at: Date) => [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
const time = (at: Date) => [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')

/** What stands behind an @: those of strftime that a log needs, by the local clock. */
const times: Readonly<Record<string, (at: Date) => string>> = {
  '@': () => '@',
  F: day,
  H: (at) => two(at.getHours()),
  M: (at) => two(at.getMinutes()),
  N: (at) => String(at.getMilliseconds() * 1_000_000).padStart(9, '0'),
  S: (at) => two(at.getSeconds()),
  T: time,
  Y: (at) => String(at.getFullYear()),
  d: (at) => two(at.getDate()),
  m: (at) => two(at.getMonth() + 1),
  s: (at) => String(Math.floor(at.getTime() / 1000)),
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '\\': '\\', a: '\u0007', e: '\u001b', n: '\n', r: '\r', t: '\t', '0': '\0' },
}

/**
 * Reads a format such as `%t %p`; `%-30t` and `%8l` pad.
 *
 * @throws HubError `bad-command-line` for a letter that it has no meaning for.
 */
export function readMessageFormat(text: string): Part {
  const pattern = /%(-?\d*)(.?)|@(.?)|\\(.?)|[^%@\\]+/gsu
  const parts = [...text.matchAll(pattern)].map(([all, width, letter, clock, escaped]): Part => {
    if (letter !== undefined) return padded(known(letters, letter, all), String(width))
    if (clock !== undefined) {
      const part = known(times, clock, all)
      return ({ atMs }) => part(new Date(atMs))
    }
    const plain = escaped === undefined ? all : known(escapes, escaped, all)
    return () => plain
  })
  return (arrived) => parts.map((part) => part(arrived)).join('')
}

function known<T>(table: Readonly<Record<string, T>>, letter: string, all: string): T {
  const part = Object.hasOwn(table, letter) ? table[letter] : undefined
  if (part !== undefined) return part
  const expected = `expected one of ${Object.keys(table).join(' ')} behind ${quote(all.slice(0, 1))}`
  throw new HubError('bad-command-line', `${expected} in -F, got ${quote(all)}`)
}

function padded(part: Part, width: string): Part {
  const characters = Math.abs(Number(width))
  return (arrived) =>
    width.startsWith('-') ? part(arrived).padEnd(characters) : part(arrived).padStart(characters)
}

type UserProperties = NonNullable<IPublishPacket['properties']>['userProperties']

/** `name:value` each, with a space between. */
export function propertiesText(properties: UserProperties): string {
  const pairs = Object.entries(properties ?? {}).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}:${each}`),
  )
  return pairs.join(' ')
}
