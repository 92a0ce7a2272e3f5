export interface ByteBudgetLimits {
  /** What all hold together; half of it those of one owner. */
  readonly totalBytes: number
  /** What each may hold in any case; it does not count. */
  readonly freeBytes: number
}

/** One who holds bytes of a budget. */
export interface ByteShare {
  /** Notes how many bytes are held from now on; false when they are too many, and nothing changes then. */
  hold(bytes: number): boolean
  /** From now on what is held counts for `owner`. */
  belongTo(owner: string): void
}

/** Bytes that many share, each of whom gets a share of it. Those who have not signed in are one owner. */
export function createByteBudget({ totalBytes, freeBytes }: ByteBudgetLimits): () => ByteShare {
  const ownerBytes = totalBytes / 2
  const held = new Map<string, number>()
  let total = 0
  const count = (owner: string, change: number) => {
    const bytes = (held.get(owner) ?? 0) + change
    total += change
    if (bytes === 0) held.delete(owner)
    else held.set(owner, bytes)
  }
  return (): ByteShare => {
    let owner = ''
    let own = 0
    return {
      hold: (bytes) => {
        const change = Math.max(0, bytes - freeBytes) - own
        if (change === 0) return true
        const isTooMuch =
          total + change > totalBytes || (held.get(owner) ?? 0) + change > ownerBytes
        if (change > 0 && isTooMuch) return false
        own += change
        count(owner, change)
        return true
      },
      belongTo: (newOwner) => {
        count(owner, -own)
        owner = newOwner
        count(owner, own)
      },
    }
  }
}
