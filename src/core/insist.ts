import type { Logger } from 'pino'

const minuteMs = 60_000

/**
 * Logs `sentences` now and once a minute, so that nobody forgets what is open. Answers what ends it.
 */
export function insist(
  log: Pick<Logger, 'warn'>,
  sentences: readonly string[],
  intervalMs = minuteMs,
): () => void {
  const say = () => {
    for (const sentence of sentences) log.warn(sentence)
  }
  say()
  const timer = setInterval(say, intervalMs).unref()
  return () => clearInterval(timer)
}
