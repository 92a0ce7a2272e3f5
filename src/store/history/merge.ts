/** Something that has a next point until it has none. */
export interface PointSource {
  /** The time of the point it is at. */
  readonly at: number
  /** Goes on to the next point; false when there is none. */
  next(): boolean
}

/**
 * Goes through the points of all sources in the order of their times, as long as each source is in that
 * order itself; of points at the same time, those of earlier sources come first.
 */
export function* merged<T extends PointSource>(sources: readonly T[]): Generator<T> {
  const heap = sources
    .map((source, place) => ({ source, place }))
    .filter(({ source }) => source.next())
    .sort(order)
  for (let [first] = heap; first !== undefined; [first] = heap) {
    yield first.source
    if (!first.source.next()) {
      const last = heap.pop()
      if (last === undefined || last === first) continue
      heap[0] = last
    }
    sink(heap)
  }
}

interface Placed {
  readonly source: PointSource
  readonly place: number
}

function order(one: Placed, other: Placed): number {
  return one.source.at - other.source.at || one.place - other.place
}

/** A binary heap: each item comes before the two at twice its place. Puts the one at `at` in its place. */
function sink(heap: Placed[], at = 0): void {
  const to = earlierBelow(heap, at)
  const [self, other] = [heap[at], heap[to]]
  if (self === undefined || other === undefined || order(self, other) <= 0) return
  heap[at] = other
  heap[to] = self
  sink(heap, to)
}

/** Where the earlier one is of the two below `at`. */
function earlierBelow(heap: readonly Placed[], at: number): number {
  const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
  const isRight = left !== undefined && right !== undefined && order(right, left) < 0
  return 2 * at + (isRight ? 2 : 1)
}
