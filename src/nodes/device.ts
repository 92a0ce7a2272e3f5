import { joinTopic } from '../core/topic.ts'
import { shapeOf } from './clown-model.ts'

/** A part of a node, such as a relay: what it reports on its own topic, and obeys below it. */
export interface Device {
  /** The topic of its node; empty when the device's topic has nothing before it. */
  readonly base: string
  /** Its name on the node, such as `relay/i2c0-3b`. */
  readonly name: string
  /** What it is, such as `relay`. */
  readonly kind: string
}

/** The device that reports on `topic`: the last two levels name it, and the rest its node. */
export function deviceOf(topic: string): Device {
  const last = topic.lastIndexOf('/')
  const before = last <= 0 ? -1 : topic.lastIndexOf('/', last - 1)
  const base = before === -1 ? '' : topic.slice(0, before)
  const name = topic.slice(before + 1)
  return { base, name, kind: last === -1 ? topic : topic.slice(before + 1, last) }
}

const ending = '/set'

/** The topic of the device that a message on `topic` commands; undefined when it is no command. */
export function commandedDevice(topic: string): string | undefined {
  if (!topic.endsWith(ending) || shapeOf(topic) !== 'command') return undefined
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
