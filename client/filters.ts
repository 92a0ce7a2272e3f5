/** Whether a message on `topic` goes to `filter`, by the rules of [MQTT-4.7.1] and [MQTT-4.7.2-1]. */
export function matchesFilter(filter: string, topic: string): boolean {
  const levels = topic.split('/')
  const wanted = filter.split('/')
  if (topic.startsWith('$') && wanted[0] !== levels[0]) return false
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true
    if (level !== '+' ? level !== levels[at] : at >= levels.length) return false
  }
  return wanted.length === levels.length
}

/** What follows a topic that is no report of how something is, but tells of what happened. */
const eventEnding = /(^|\/)(set|get|ok|error|boot|missed|update|list)$/

/** Whether the last message on `topic` tells how something is. */
export function isReport(topic: string): boolean {
  return !eventEnding.test(topic)
}
