/**
 * How filters and topics relate, by the rules of [MQTT-4.7.1]: `+` is any one level, and `#` at the
 * end is any levels, none included. A wildcard as first level never stands for one that begins with
 * `$` [MQTT-4.7.2-1]. All of it is exact for filters that keep the rules of `checkFilter`.
 */

/** Whether a message on `topic` goes to somebody who subscribed to `filter`. Allocates nothing. */
export function matches(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1]
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  let at = 0
  for (let filterAt = 0; filterAt < filter.length; filterAt++) {
    const code = filter.charCodeAt(filterAt)
    if (code === hashCode) return true
    if (code === plusCode) {
      at = levelEnd(topic, at)
      continue
    }
    // What ends with /# matches the level above, too.
    if (at === topic.length) return filter.endsWith('/#') && filterAt === filter.length - 2
    if (code !== topic.charCodeAt(at++)) return false
  }
  return at === topic.length
}

/** Whether every topic that `inner` matches is matched by `outer` as well. */
export function covers(outer: string, inner: string): boolean {
  const outerLevels = levelsOf(outer)
  const innerLevels = levelsOf(inner)
  for (const [index, level] of outerLevels.entries()) {
    if (level === '#') return true
    const other = innerLevels[index]
    if (other === undefined || other === '#' || !includes(level, other, index)) return false
  }
  return outerLevels.length === innerLevels.length
}

/** Whether there is a topic that both filters match. */
export function overlaps(one: string, other: string): boolean {
  return commonPart(one, other) !== undefined
}

/** The filter that matches what both of them match; undefined when that is nothing. */
export function commonPart(one: string, other: string): string | undefined {
  const oneLevels = levelsOf(one)
  const otherLevels = levelsOf(other)
  const common: string[] = []
  for (const [index, level] of oneLevels.entries()) {
    const beside = otherLevels[index]
    if (level === '#' || beside === '#') {
      const rest = level === '#' ? otherLevels : oneLevels
      return [...common, ...rest.slice(index)].join('/')
    }
    const both = commonLevel(level, beside, index)
    if (both === undefined) return undefined
    common.push(both)
  }
  const next = otherLevels[oneLevels.length]
  return next === undefined || next === '#' ? common.join('/') : undefined
}

/** No topic is empty, so that `#` alone says the same as `+/#`, and `/#` as `/+/#`. */
function levelsOf(filter: string): string[] {
  const levels = filter.split('/')
  if (filter === '#' || filter === '/#') levels.splice(-1, 0, '+')
  return levels
}

/** Whether one level of a filter stands for all that another one stands for. */
function includes(level: string, other: string, index: number): boolean {
  return level === other || (level === '+' && (index > 0 || !other.startsWith('$')))
}

/** What both stand for; nothing where one filter has ended. */
function commonLevel(level: string, other: string | undefined, index: number): string | undefined {
  if (other === undefined) return undefined
  if (includes(level, other, index)) return other
  return includes(other, level, index) ? level : undefined
}

const plusCode = 43
const hashCode = 35

function levelEnd(topic: string, at: number): number {
  const end = topic.indexOf('/', at)
  return end === -1 ? topic.length : end
}
