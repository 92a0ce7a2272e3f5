import { joinTopic } from '../core/topic.ts'
import { shapeOf } from './clown-model.ts'

/** A part of a node, such as a relay: what it reports on its own topic, and obeys below it. */
export interface Device {
  /** The topic of its node; never empty. */
  readonly base: string
  /** Its name on the node, such as `relay/i2c0-3b`. */
  readonly name: string
  /** What it is, such as `relay`: the last level but one of its topic. */
  readonly kind: string
}

/**
 * The device that reports on `topic`: the last two levels name it, and the rest its node. Where nothing is
 * left for a node, its first level is the node, with the empty one before it if there is one; what has no
 * other level is a node that reports on its own topic, and is called by its last level.
 */
export function deviceOf(topic: string): Device {
  const last = topic.lastIndexOf('/')
  const before = last > 0 ? topic.lastIndexOf('/', last - 1) : -1
  const kind = topic.slice(before + 1, last)
  if (before > 0) return { base: topic.slice(0, before), name: topic.slice(before + 1), kind }
  const first = topic.indexOf('/', 1)
  if (first > 0) return { base: topic.slice(0, first), name: topic.slice(first + 1), kind }
  const name = topic.slice(last + 1)
  return { base: topic, name, kind: name }
}

const ending = '/set'

/** The topic of the device that a message on `topic` commands; undefined when it is no command. */
export function commandedDevice(topic: string): string | undefined {
  // `/set` alone is behind no topic.
  const isBehind = topic.length > ending.length && topic.endsWith(ending)
  if (!isBehind || shapeOf(topic) !== 'command') return undefined
  return topic.slice(0, -ending.length)
}

/** Where the device that reports on `topic` is commanded. */
export function commandTopic(topic: string): string {
  return joinTopic(topic, 'set')
}

/** Whether a device can report on `topic` and be commanded: not so where commands and answers travel. */
export function isDevice(topic: string): boolean {
  return shapeOf(topic) === 'report' && commandedDevice(commandTopic(topic)) !== undefined
}
