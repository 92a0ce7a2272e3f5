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
}

/** Gives somebody a share, who belongs to the one that `ownerOf` names whenever more or less is held. */
export type NewShare = (ownerOf: () => string) => ByteShare

/** Bytes that many share. */
export function createByteBudget({ totalBytes, freeBytes }: ByteBudgetLimits): NewShare {
  const held = new Map<string, number>()
  let total = 0
  const count = (owner: string, change: number) => {
    const bytes = (held.get(owner) ?? 0) + change
    total += change
    if (bytes === 0) held.delete(owner)
    else held.set(owner, bytes)
  }
  return (ownerOf) => {
    let owner = ''
    let own = 0
    const follow = () => {
      count(owner, -own)
      owner = ownerOf()
      count(owner, own)
    }
    return {
      hold: (bytes) => {
        const change = Math.max(0, bytes - freeBytes) - own
        if (change === 0) return true
        follow()
        const ofOwner = (held.get(owner) ?? 0) + change
        if (change > 0 && (total + change > totalBytes || ofOwner > totalBytes / 2)) return false
        own += change
        count(owner, change)
        return true
      },
    }
  }
}
