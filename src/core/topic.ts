import { HubError, quote } from './errors.ts'

/** Sizes past which a topic is refused; see `limits.topic` in the configuration. */
export interface TopicLimits {
  readonly bytes: number
  readonly levels: number
  readonly levelBytes: number
}

/** What the configuration's schema has as defaults. MQTT itself would allow 65,535 bytes. */
export const defaultTopicLimits: TopicLimits = { bytes: 256, levels: 16, levelBytes: 64 }

/**
 * Characters that no text on the wire may hold: NUL and control characters [MQTT-1.5.3-2], lone
 * surrogates [MQTT-1.5.3-1], and those that make two texts look alike: format characters, which are
 * not seen or turn others around, such as U+200B, U+202E and the byte order mark; the replacement
 * character (what broken UTF-8 decodes to), and non-characters.
 */
const unfit = /[\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}\u{fffd}]/u

/** Whether `text` may be part of a topic, a filter, a client id or a user name. */
export function isFitText(text: string): boolean {
  return !unfit.test(text)
}

/**
 * Checks a complete topic, as it goes on the bus, against the rules every way in shares.
 *
 * @throws HubError `bad-topic` with the rule that was broken.
 */
export function checkTopic(topic: string, limits: TopicLimits = defaultTopicLimits): void {
  // [MQTT-3.3.2-2] Wildcards are for filters.
  const wildcard = /[+#]/.exec(topic)
  if (wildcard !== null) throw badTopic(`no wildcard ${wildcard[0]}`, topic)
  if (isOfBroker(topic)) throw badTopic('no $ at its start', topic)
  checkLevels(topic, limits)
}

/**
 * Checks a filter, as somebody subscribes with it.
 *
 * @throws HubError `bad-topic` with the rule that was broken.
 */
export function checkFilter(filter: string, limits: TopicLimits = defaultTopicLimits): void {
  // [MQTT-4.7.1-2], [MQTT-4.7.1-3] A wildcard is a whole level, and # the last one.
  if (/[^/][+#]|[+#][^/]|#\//.test(filter)) throw badTopic('wildcards as whole levels', filter)
  // A shared subscription (MQTT 5) that is taken as a plain one would never get a message.
  if (filter.startsWith('$share/')) throw badTopic('no $share', filter)
  checkLevels(filter, limits)
}

function checkLevels(topic: string, limits: TopicLimits): void {
  if (!hasPlainLevels(topic, limits)) checkEachLevel(topic, limits)
}

/** Whether a topic of printable ASCII keeps the rules, in one pass: nearly all are such. */
function hasPlainLevels(topic: string, limits: TopicLimits): boolean {
  let levels = 1
  let levelStart = 0
  for (let at = 0; at < topic.length; at++) {
    const code = topic.charCodeAt(at)
    if (code < 0x20 || code > 0x7e) return false
    if (code !== slashCode) continue
    if (at === levelStart || at - levelStart > limits.levelBytes) return false
    levels++
    levelStart = at + 1
  }
  const lastBytes = topic.length - levelStart
  const isLastFit = lastBytes > 0 && lastBytes <= limits.levelBytes
  return isLastFit && levels <= limits.levels && topic.length <= limits.bytes
}

const slashCode = 0x2f

function checkEachLevel(topic: string, limits: TopicLimits): void {
  const found = unfit.exec(topic)
  if (found !== null) throw badTopic(`no ${describe(found[0])}`, topic)
  if (Buffer.byteLength(topic) > limits.bytes) {
    throw badTopic(`at most ${limits.bytes} bytes`, topic)
  }
  const levels = topic.split('/')
  if (levels.length > limits.levels) throw badTopic(`at most ${limits.levels} levels`, topic)
  for (const level of levels) {
    if (level === '') throw badTopic('no empty level', topic)
    if (Buffer.byteLength(level) > limits.levelBytes) {
      throw badTopic(`at most ${limits.levelBytes} bytes a level`, topic)
    }
  }
}

function badTopic(rule: string, topic: string): HubError {
  return new HubError('bad-topic', `expected a topic with ${rule}, got ${quote(topic)}`)
}

function describe(character: string): string {
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

/** Whether `topic` is one on which only the broker itself speaks [MQTT-4.7.2-1]. */
export function isOfBroker(topic: string): boolean {
  return topic.startsWith('$')
}

/** Whether a message on `topic` asks hardware to do something: never retained, never lost unseen. */
export function isCommand(topic: string): boolean {
  return topic.endsWith('/set')
}

/** Whether `topic` keeps the rules of `checkTopic`. */
export function isTopic(topic: string, limits: TopicLimits = defaultTopicLimits): boolean {
  try {
    checkTopic(topic, limits)
    return true
  } catch {
    return false
  }
}
