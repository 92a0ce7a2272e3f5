/** How many values are retained, and how large; see `limits.retained` in the configuration. */
export interface RetainedLimits {
  readonly topics: number
  readonly valueBytes: number
  readonly totalBytes: number
}

/** Counts what is retained. */
export interface RetainedQuota {
  /**
   * Whether a value of so many bytes may take the place of the one on `topic`; then it counts. The
   * hub's own topics, which start with `$`, always may and do not count.
   */
  take(topic: string, valueBytes: number): boolean
  /** There is no value on `topic` any more. */
  forget(topic: string): void
}

export function createRetainedQuota(limits: RetainedLimits): RetainedQuota {
  const bytesOfTopic = new Map<string, number>()
  let totalBytes = 0
  const forget = (topic: string) => {
    totalBytes -= bytesOfTopic.get(topic) ?? 0
    bytesOfTopic.delete(topic)
  }
  return {
    forget,
    take: (topic, valueBytes) => {
      // Only the hub publishes there [MQTT-4.7.2-1], one value for each thing it knows, however much others keep.
      if (topic.startsWith('$')) return true
      // [MQTT-3.3.1-10] An empty value takes the one before away.
      if (valueBytes === 0) {
        forget(topic)
        return true
      }
      const bytes = Buffer.byteLength(topic) + valueBytes
      const bytesBefore = bytesOfTopic.get(topic)
      const isTooMany = bytesBefore === undefined && bytesOfTopic.size >= limits.topics
      const isTooMuch = totalBytes - (bytesBefore ?? 0) + bytes > limits.totalBytes
      if (valueBytes > limits.valueBytes || isTooMany || isTooMuch) return false
      forget(topic)
      bytesOfTopic.set(topic, bytes)
      totalBytes += bytes
      return true
    },
  }
}
