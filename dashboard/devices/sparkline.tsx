import type { JSX } from 'preact'
import { now } from '../clock.ts'
import { type PastPoint, pastMs, rangeOf } from './past.ts'

const width = 120
const height = 28

/** The last hour as a line, with gaps where nothing was heard. What it says is written beside it. */
export function Sparkline({ points }: { points: readonly PastPoint[] }): JSX.Element {
  const range = rangeOf(points)
  // To the minute: it need not be drawn anew every second.
  const endMs = Math.ceil(now.value / 60_000) * 60_000
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {range && <path d={pathOf(points, range, endMs)} />}
    </svg>
  )
}

function pathOf(
  points: readonly PastPoint[],
  { min, max }: { min: number; max: number },
  endMs: number,
): string {
  const spread = max - min
  const x = (atMs: number) => (width * (1 - (endMs - atMs) / pastMs)).toFixed(1)
  const y = (value: number) =>
    (spread === 0 ? height / 2 : height - 2 - ((value - min) / spread) * (height - 4)).toFixed(1)
  let isPenUp = true
  let path = ''
  for (const point of points) {
    if (point === null) {
      isPenUp = true
      continue
    }
    const [atMs, , last] = point
    // A point that stands alone is a dot: a line of no length with round ends.
    path += isPenUp ? `M${x(atMs)} ${y(last)}h0.1` : `L${x(atMs)} ${y(last)}`
    isPenUp = false
  }
  return path
}
