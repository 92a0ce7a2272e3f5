import type { Config } from '../generated/config.ts'
import { HubError, quote, reasonOf } from './errors.ts'

/** Sizes past which a topic or a filter is refused; see `limits.topic` in the configuration. */
export type TopicLimits = Readonly<Config['limits']['topic']>

/**
 * What no configuration goes past. MQTT has room for 65,535 bytes [MQTT-1.5.3]; what is left is for what
 * the hub puts before and behind a topic to tell of it. Of levels Mosquitto takes as many.
 */
export const ceilingOfTopics: TopicLimits = { bytes: 65_000, levels: 201 }

/**
 * Characters that no text on the wire may hold: NUL [MQTT-1.5.3-2], lone surrogates [MQTT-1.5.3-1], and
 * what a receiver may refuse (1.5.3): control characters and non-characters.
 */
const unfit = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/**
 * Besides, those that make two names look alike: format characters, which are not seen or turn others
 * around, such as U+200B, U+202E and the byte order mark, and the replacement character.
 */
const unfitInName = /[\p{Cc}\p{Cf}\p{Cs}\p{Noncharacter_Code_Point}\u{fffd}]/u

/** Whether `text` may travel by MQTT, as a topic, a filter or a client id. */
export function isFitText(text: string): boolean {
  return !unfit.test(text)
}

/** Whether `text` may be the name of a user, or be shown as what somebody is. */
export function isFitName(text: string): boolean {
  return !unfitInName.test(text)
}

/**
 * Checks a complete topic, as it goes on the bus, against the rules every way in shares.
 *
 * @throws HubError `bad-topic` with the rule that was broken, or `topic-too-big`.
 */
export function checkTopic(topic: string, limits?: TopicLimits): void {
  throwIfAny(topicErrorOf(topic, limits))
}

/** What `checkTopic` throws; undefined when the topic keeps the rules. */
export function topicErrorOf(topic: string, limits = ceilingOfTopics): HubError | undefined {
  if (isPlain(topic, limits)) return undefined
  return topicTextErrorOf(topic) ?? brokerErrorOf(topic) ?? sizeErrorOf(topic, limits)
}

function throwIfAny(error: HubError | undefined): void {
  if (error !== undefined) throw error
}

function brokerErrorOf(topic: string): HubError | undefined {
  return isOfBroker(topic) ? badTopic('no $ at its start', topic) : undefined
}

/** Whether a topic of printable ASCII keeps the rules, in one pass: nearly all are such. */
function isPlain(topic: string, { bytes, levels }: TopicLimits): boolean {
  const { length } = topic
  if (length === 0 || length > bytes || topic.charCodeAt(0) === codes.dollar) return false
  let found = 1
  for (let at = 0; at < length; at++) {
    const code = topic.charCodeAt(at)
    if (code < 0x20 || code > 0x7e || code === codes.plus || code === codes.hash) return false
    if (code === codes.slash) found++
  }
  return found <= levels
}

const codes = { hash: 0x23, dollar: 0x24, plus: 0x2b, slash: 0x2f }

/**
 * Checks what MQTT itself forbids in the topic of a message.
 *
 * @throws HubError `bad-topic` with the rule that was broken.
 */
export function checkTopicText(topic: string): void {
  throwIfAny(topicTextErrorOf(topic))
}

function topicTextErrorOf(topic: string): HubError | undefined {
  // [MQTT-3.3.2-2] Wildcards are for filters.
  const wildcard = /[+#]/.exec(topic)
  return wildcard === null ? textErrorOf(topic) : badTopic(`no wildcard ${wildcard[0]}`, topic)
}

/**
 * Checks a filter, as somebody subscribes with it.
 *
 * @throws HubError `bad-topic` with the rule that was broken, or `topic-too-big`.
 */
export function checkFilter(filter: string, limits: TopicLimits = ceilingOfTopics): void {
  // [MQTT-4.7.1-2], [MQTT-4.7.1-3] A wildcard is a whole level, and # the last one.
  if (/[^/][+#]|[+#][^/]|#\//.test(filter)) throw badTopic('wildcards as whole levels', filter)
  // A shared subscription (MQTT 5) that is taken as a plain one would never get a message.
  if (filter.startsWith('$share/')) throw badTopic('no $share', filter)
  throwIfAny(textErrorOf(filter) ?? sizeErrorOf(filter, limits))
}

function textErrorOf(topic: string): HubError | undefined {
  // [MQTT-4.7.3-1]
  if (topic === '') return badTopic('at least one character', topic)
  const found = unfit.exec(topic)
  return found === null ? undefined : badTopic(`no ${describe(found[0])}`, topic)
}

function badTopic(rule: string, topic: string): HubError {
  return new HubError('bad-topic', `expected a topic with ${rule}, got ${quote(topic)}`)
}

function describe(character: string): string {
  const code = Number(character.codePointAt(0))
  return `character U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

function sizeErrorOf(topic: string, { bytes, levels }: TopicLimits): HubError | undefined {
  // A character of a text is at most three bytes.
  const size = topic.length * 3 > bytes ? Buffer.byteLength(topic) : 0
  if (size > bytes) return tooBig(`${bytes} bytes`, `${size}: ${quote(topic)}`)
  const depth = levelsIn(topic)
  return depth > levels ? tooBig(`${levels} levels`, `${depth}: ${quote(topic)}`) : undefined
}

function tooBig(most: string, got: string): HubError {
  return new HubError('topic-too-big', `expected a topic of at most ${most}, got ${got}`)
}

/** How many levels a topic has; an empty one counts like any other [MQTT-4.7.3-2]. */
function levelsIn(topic: string): number {
  let levels = 1
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) levels++
  return levels
}

/** The topic on the bus of `topic` spoken on a socket with `base`; an empty base adds nothing. */
export function joinTopic(base: string, topic: string): string {
  return base === '' ? topic : `${base}/${topic}`
}

/**
 * `topic` as a socket with `base` sees it, or undefined when it is not below that base. What ends in
 * the slash behind the base is the empty text there.
 */
export function relativeTopic(base: string, topic: string): string | undefined {
  if (base === '') return topic
  return topic.startsWith(`${base}/`) ? topic.slice(base.length + 1) : undefined
}

/** Whether `topic` is `base` itself, or below it. */
export function isAtOrBelow(base: string, topic: string): boolean {
  return topic === base || relativeTopic(base, topic) !== undefined
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
export function isTopic(topic: string, limits?: TopicLimits): boolean {
  return topicErrorOf(topic, limits) === undefined
}

/**
 * The beginning of `topic`, in whole levels, that with `ending` behind it keeps to `limits`; undefined
 * when not even its first level does.
 */
export function startWithin(
  topic: string,
  ending: string,
  limits: TopicLimits,
): string | undefined {
  const levels = topic.slice(0, limits.bytes).split('/', limits.levels)
  for (; levels.length > 0; levels.pop()) {
    const start = levels.join('/')
    const isWhole = topic.length === start.length || topic[start.length] === '/'
    if (isWhole && start !== '' && isTopic(start + ending, limits)) return start
  }
  return undefined
}

/**
 * Checks `filter`, which stands at `place` in the configuration. `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` that names the place when it is no filter.
 */
export function checkConfiguredFilter(filter: string, place: string, source: string): void {
  try {
    checkFilter(filter)
  } catch (cause) {
    const sentence = `expected ${place} to be a filter, got ${quote(filter)}`
    throw new HubError('bad-config', `${source}${sentence}: ${reasonOf(cause)}`, { cause })
  }
}
