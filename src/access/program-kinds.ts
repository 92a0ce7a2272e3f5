/** What programs that people run need to be allowed, by the topics they use as they come. */
import type { Rule } from './user.ts'

/** The rules of one kind of program. */
interface ProgramKind {
  /** Needed wherever its own topics are. */
  readonly shared: readonly Rule[]
  /** Its own topics, as far as their shape tells: of all such devices, or with the usual prefix. */
  readonly usual: readonly Rule[]
  /** Its own topics when they begin with `prefix`, which it was given by hand. */
  below(prefix: string): Rule[]
}

const keeps = (...topics: string[]): Rule[] =>
  topics.map((topic) => ({ allow: ['write', 'retain'], topic }))
const writes = (...topics: string[]): Rule[] => topics.map((topic) => ({ allow: ['write'], topic }))
const reads = (...topics: string[]): Rule[] => topics.map((topic) => ({ allow: ['read'], topic }))
const owns = (...topics: string[]): Rule[] =>
  topics.map((topic) => ({ allow: ['read', 'write', 'retain'], topic }))
const controls = (...topics: string[]): Rule[] =>
  topics.map((topic) => ({ allow: ['read', 'write', 'command', 'retain'], topic }))

/** Home Assistant finds devices by what they retain here, with and without a level for the node. */
const discovery = keeps('homeassistant/+/+/config', 'homeassistant/+/+/+/config')

const kinds = {
  /**
   * `%prefix%/%topic%/` as it comes, or `%topic%/%prefix%/`. It publishes an empty POWER on its own `cmnd` when it
   * connects, and with ButtonTopic or SwitchTopic on that of others.
   */
  tasmota: {
    shared: keeps('tasmota/discovery/#'),
    usual: [
      ...['cmnd/#', '+/cmnd/#'].map((topic): Rule => ({ allow: ['read', 'write'], topic })),
      ...keeps('stat/#', '+/stat/#', 'tele/#', '+/tele/#'),
    ],
    below: (topic) => [
      ...reads('cmnd/tasmotas/#'),
      { allow: ['read', 'write'], topic: `cmnd/${topic}/#` },
      ...keeps(`stat/${topic}/#`, `tele/${topic}/#`),
      // FullTopics of its own, such as house/%topic%/%prefix%/, and other words for the prefixes.
      ...owns(`${topic}/#`),
    ],
  },
  /**
   * Generation 1 has a prefix of its own. Of later ones it is free text, `<model>-<mac>` as it comes, and a call by
   * `<prefix>/rpc` is answered on `<src>/rpc`, wherever the caller said that is.
   */
  shelly: {
    shared: writes('+/rpc'),
    usual: [
      ...owns('shellies/#'),
      ...reads('+/rpc', '+/command/#'),
      ...keeps('+/online', '+/status/#', '+/events/#', '+/debug/#'),
    ],
    below: (id) => [
      ...reads('shellies/command'),
      ...writes('shellies/announce'),
      ...owns(`${id}/#`, ...(id.startsWith('shellies/') ? [] : [`shellies/${id}/#`])),
    ],
  },
  /** `<prefix>/<component>/<object>/state` and `/command`, some with one more level before the last. */
  esphome: {
    shared: [
      ...discovery,
      ...keeps('esphome/discover/+'),
      ...reads('esphome/discover', 'esphome/ping/+'),
    ],
    usual: [
      ...keeps('+/status', '+/debug', '+/+/+/state', '+/+/+/+/state'),
      ...reads('+/+/+/command', '+/+/+/+/command'),
    ],
    below: (prefix) => owns(`${prefix}/#`),
  },
  /** It reads what is discovered to remove what is left over, and when Home Assistant has started. */
  zigbee2mqtt: {
    shared: [...reads('homeassistant/#'), ...discovery],
    usual: owns('zigbee2mqtt/#'),
    below: (base) => owns(`${base}/#`),
  },
  /**
   * Its command topics are whatever a discovered device says; it retains settings for devices that sleep, its
   * status, and nothing in place of a device that is removed.
   */
  'home-assistant': {
    shared: owns('homeassistant/#'),
    usual: controls('#'),
    below: (prefix) => controls(`${prefix}/#`),
  },
  /** What its flows do. */
  'node-red': { shared: [], usual: controls('#'), below: (prefix) => controls(`${prefix}/#`) },
} as const satisfies Readonly<Record<string, ProgramKind>>

export type ProgramKindName = keyof typeof kinds

export const programKinds: readonly string[] = Object.keys(kinds)

export function isProgramKind(text: string): text is ProgramKindName {
  return programKinds.includes(text)
}

/** What a program needs whose topics begin with one of `prefixes`, or, without any, as they come. */
export function rulesOfKind(kind: ProgramKindName, prefixes: readonly string[]): Rule[] {
  const { shared, usual, below }: ProgramKind = kinds[kind]
  return [...shared, ...(prefixes.length === 0 ? usual : prefixes.flatMap(below))]
}
