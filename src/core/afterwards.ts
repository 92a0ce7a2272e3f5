/** Does what can wait a moment after what cannot: in order, once the sockets have been served. */
export interface Afterwards {
  do(act: () => void): void
  /** Does the rest at once. */
  close(): void
}

export function createAfterwards(): Afterwards {
  let waiting: (() => void)[] = []
  const doAll = () => {
    const due = waiting
    waiting = []
    for (const act of due) act()
  }
  return {
    do: (act) => {
      // Not in this turn: what the turn sends leaves at its end, in setImmediate.
      if (waiting.length === 0) setTimeout(doAll, 0)
      waiting.push(act)
    },
    close: doAll,
  }
}
