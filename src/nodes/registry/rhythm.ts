/** So many intervals between the reports of a device are remembered. */
const rememberedIntervals = 8

/** One or two intervals are no rhythm yet: a node may tell all it knows twice when it starts. */
const fewestIntervals = 3

/**
 * Reports that come closer together were kept back on their way, by the node, the net or a stall of
 * our own, and say nothing about a rhythm. The fastest publish-interval of the model is 100 ms.
 */
const togetherMs = 50

/** After so many rhythms without a report something is wrong. */
export const silentRhythms = 3

/** `intervalsMs` with one more; only the latest are kept. */
export function withInterval(
  intervalsMs: readonly number[],
  intervalMs: number,
): readonly number[] {
  if (intervalMs < togetherMs) return intervalsMs
  return [...intervalsMs, intervalMs].slice(-rememberedIntervals)
}

/** The median of the intervals: how often a report is to be expected; undefined of too few. */
export function rhythmOf(intervalsMs: readonly number[]): number | undefined {
  if (intervalsMs.length < fewestIntervals) return undefined
  const sorted = [...intervalsMs].sort((one, other) => one - other)
  const middle = sorted.length / 2
  const [low = 0, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1)
  return (low + high) / 2
}
