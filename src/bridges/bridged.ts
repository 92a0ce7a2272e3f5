/** What both directions of a bridge keep to: where topics stand on each side, and what is known by its mark. */
import type { Message, MessageProperties } from '../core/message.ts'
import { switchesActuator } from '../core/switching.ts'
import { isAtOrBelow, isCommand, joinTopic, relativeTopic } from '../core/topic.ts'
import { pairProperty } from '../mqtt/properties.ts'
import type { BridgeSettings } from './check-bridges.ts'

/** Whether a message on `topic` makes hardware do something: that is of use now, or not at all. */
export function switches(topic: string): boolean {
  return isCommand(topic) || switchesActuator(topic)
}

/** What each bridge says of itself on the other broker: no other one brings it. */
const ownTopics = ['hub/fence', 'hub/bridges']

type Prefixes = Pick<BridgeSettings, 'prefix' | 'localPrefix'>

/** Where what is told on `topic` here stands there; undefined when it does not go there. */
export function topicThere(topic: string, { prefix, localPrefix }: Prefixes): string | undefined {
  return moved(topic, localPrefix, prefix)
}

/** Where what is told on `topic` there stands here; undefined when it is nothing for us. */
export function topicHere(topic: string, { prefix, localPrefix }: Prefixes): string | undefined {
  return moved(topic, prefix, localPrefix)
}

function moved(topic: string, from: string, to: string): string | undefined {
  const name = relativeTopic(from, topic)
  const isOurs = name !== undefined && !ownTopics.some((base) => isAtOrBelow(base, name))
  return isOurs ? joinTopic(to, name) : undefined
}

/**
 * What a hub has sent over a bridge is marked by the first, with what the hub calls itself there, and what it has taken
 * from one by the second, with the name of the bridge. Properties go on to whoever receives a message, other hubs
 * included [MQTT-3.3.2-17]: what was sent may be taken by another hub, and nothing goes further than that.
 */
export function markOf(mark: 'bridged-by' | 'bridged-from', name: string): Buffer {
  return pairProperty([mark, name])
}

/** A mark, whoever has made it: without the length of the name behind it. */
export const anyMark = {
  by: markOf('bridged-by', '').subarray(0, -2),
  from: markOf('bridged-from', '').subarray(0, -2),
} as const

type Marked = Pick<Message, 'properties'>

/** Whether it was sent over a bridge, or taken from one, by any hub. */
export function isBridged(message: Marked): boolean {
  return has(message, anyMark.by) || has(message, anyMark.from)
}

export function has({ properties }: Marked, mark: Buffer): boolean {
  return properties?.bytes.includes(mark) === true
}

export function marked(properties: MessageProperties | undefined, mark: Buffer): MessageProperties {
  const bytes = properties === undefined ? mark : Buffer.concat([properties.bytes, mark])
  return { ...properties, bytes }
}
