import { fieldOf } from '../../core/json.ts'
import { isTopic, joinTopic } from '../../core/topic.ts'
import { shapeOf } from '../clown-model.ts'
import { deviceOf } from '../device.ts'

export const deviceRoles = ['sensor', 'actuator', 'notification'] as const

/** What a device does: it measures, it can be commanded, or it tells of events. */
export type DeviceRole = (typeof deviceRoles)[number]

/** A device as its node lists it, with its complete topic. */
export interface ListedDevice {
  readonly topic: string
  readonly role: DeviceRole
}

/** What a node says of itself. */
export interface Introduction {
  readonly firmware?: string
  readonly capabilities?: number
}

/** What a topic says about nodes, besides its payload. */
export type NodeTopic =
  | { readonly about: 'report' | 'boot'; readonly topic: string }
  | { readonly about: 'introduction' | 'list' | 'answer'; readonly base: string }

/** By this ending a device accepts its settings. */
const accepted = '/config/ok'

/** The endings of topics by which a node tells of itself; the first that fits counts. */
const endings = [
  ['clown.talk/-/config/ok', 'introduction'],
  ['-/-/config/ok', 'list'],
  ['-/-/config/list/ok', 'list'],
] as const

/**
 * What a message on `topic` says about a node; undefined when nothing. Refusals, requests and commands may
 * come from anybody, and say nothing of whether the node is there.
 */
export function readNodeTopic(topic: string): NodeTopic | undefined {
  const shape = shapeOf(topic)
  if (shape === 'report') return { about: 'report', topic }
  if (shape === 'notification') return { about: 'boot', topic }
  if (shape === 'command') return undefined
  for (const [ending, about] of endings) {
    const base = baseBefore(topic, ending)
    if (base !== undefined) return { about, base }
  }
  if (!topic.endsWith(accepted)) return undefined
  return { about: 'answer', base: deviceOf(topic.slice(0, -accepted.length)).base }
}

/** What stands before `ending` in a topic; undefined when it ends otherwise, or in an empty level alone. */
export function baseBefore(topic: string, ending: string): string | undefined {
  if (topic === ending) return ''
  const base = topic.endsWith(`/${ending}`) ? topic.slice(0, -ending.length - 1) : ''
  return base === '' ? undefined : base
}

/**
 * The devices of a list such as `{"sensors": ["thermometer/i2c0-48"], …}`, in its order, each once.
 * Whatever in it is no list of names, or objects with a `topic`, is left out.
 */
export function readList(base: string, value: unknown): ListedDevice[] {
  const listed = new Map<string, ListedDevice>()
  for (const role of deviceRoles) {
    for (const name of namesIn(fieldOf(value, `${role}s`))) {
      const topic = joinTopic(base, name)
      const isDevice = readNodeTopic(topic)?.about === 'report' || name === 'boot'
      if (isDevice && isTopic(topic) && !listed.has(topic)) listed.set(topic, { topic, role })
    }
  }
  return [...listed.values()]
}

function namesIn(list: unknown): string[] {
  if (!Array.isArray(list)) return []
  return list
    .map((item: unknown) => (typeof item === 'string' ? item : fieldOf(item, 'topic')))
    .filter((name) => typeof name === 'string')
}

/** The longest text about itself that is believed of a node. */
const longestText = 64

/** What a node says of itself in `clown.talk/-/config/ok` and in `boot`. */
export function readIntroduction(value: unknown): Introduction {
  const firmware = fieldOf(value, 'firmware-release')
  const capabilities = fieldOf(value, 'capabilities')
  return {
    ...(typeof firmware === 'string' && firmware.length <= longestText && { firmware }),
    ...(typeof capabilities === 'number' && Number.isSafeInteger(capabilities) && { capabilities }),
  }
}
