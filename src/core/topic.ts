import { HubError, quote } from './errors.ts'

/** Sizes past which a topic is refused. MQTT itself would allow 65,535 bytes. */
export const topicLimits = { bytes: 256, levels: 16, levelBytes: 64 } as const

/**
 * Characters no topic may hold: wildcards [MQTT-3.3.2-2], NUL and control characters [MQTT-1.5.3-2],
 * lone surrogates [MQTT-1.5.3-1], and those that make two topics look alike: the replacement
 * character (what broken UTF-8 decodes to), the byte order mark, and non-characters.
 */
const forbidden = /[+#\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u{fffd}\u{feff}]/u

/**
 * Checks a complete topic, as it goes on the bus, against the rules every way in shares.
 *
 * @throws HubError `bad-topic` with the rule that was broken.
 */
export function checkTopic(topic: string): void {
  const found = forbidden.exec(topic)
  if (found !== null) throw badTopic(`no ${describe(found[0])}`, topic)
  // Topics that start with $ belong to the hub [MQTT-4.7.2-1].
  if (topic.startsWith('$')) throw badTopic('no $ at its start', topic)
  if (Buffer.byteLength(topic) > topicLimits.bytes) {
    throw badTopic(`at most ${topicLimits.bytes} bytes`, topic)
  }
  const levels = topic.split('/')
  if (levels.length > topicLimits.levels) {
    throw badTopic(`at most ${topicLimits.levels} levels`, topic)
  }
  for (const level of levels) checkLevel(level, topic)
}

function checkLevel(level: string, topic: string): void {
  if (level === '') throw badTopic('no empty level', topic)
  if (Buffer.byteLength(level) > topicLimits.levelBytes) {
    throw badTopic(`at most ${topicLimits.levelBytes} bytes a level`, topic)
  }
}

function badTopic(rule: string, topic: string): HubError {
  return new HubError('bad-topic', `expected a topic with ${rule}, got ${quote(topic)}`)
}

function describe(character: string): string {
  if (character === '+' || character === '#') return `wildcard ${character}`
  const code = Number(character.codePointAt(0))
  return `character U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** The topic on the bus of `topic` spoken on a socket with `base`; an empty base adds nothing. */
export function joinTopic(base: string, topic: string): string {
  return base === '' ? topic : `${base}/${topic}`
}

/** `topic` as a socket with `base` sees it, or undefined when it is not below that base. */
export function relativeTopic(base: string, topic: string): string | undefined {
  if (base === '') return topic
  return topic.startsWith(`${base}/`) ? topic.slice(base.length + 1) : undefined
}

/** The filter for everything below `base`. */
export function filterBelow(base: string): string {
  return joinTopic(base, '#')
}

/** Whether a message on `topic` asks hardware to do something: never retained, never lost unseen. */
export function isCommand(topic: string): boolean {
  return topic.endsWith('/set')
}

/** Whether `topic` keeps the rules of `checkTopic`. */
export function isTopic(topic: string): boolean {
  try {
    checkTopic(topic)
    return true
  } catch {
    return false
  }
}
