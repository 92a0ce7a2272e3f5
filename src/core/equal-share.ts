/**
 * The rule of an equal share: as long as there is room, everybody may have what they like. Past that only who has less
 * than an equal share may have more, up to a quarter past the limit: whoever was first keeps nobody out.
 */

const overfull = 5 / 4

/** What many have together, and one of them. */
interface Having {
  /** What all may have, as long as nobody stands back for others. */
  readonly most: number
  readonly total: number
  readonly own: number
  /** How many have something; one more may come. */
  readonly sharers: number
}

/** Whether one may have so much more. */
export function hasRoomFor({ most, total, own, sharers }: Having, amount = 1): boolean {
  if (amount <= 0 || total + amount <= most) return true
  return isBelowAll({ most, total }, amount) && own + amount <= Math.ceil(most / (sharers + 1))
}

function isBelowAll({ most, total }: Pick<Having, 'most' | 'total'>, amount: number): boolean {
  return total + amount <= Math.ceil(overfull * most)
}

/** What one owner has, and each part of it. */
interface Own {
  total: number
  readonly parts: Map<string, number>
}

/** Counts what many have of something, by owner, and by part of what an owner has: one of its nodes. */
export class ShareQuota {
  readonly #most: number
  readonly #owners = new Map<string, Own>()
  total = 0

  constructor(most: number) {
    this.#most = most
  }

  /** `part`: which of the nodes of that owner, where it has several. The rule holds among them as well. */
  hasRoomFor(owner: string, part = '', amount = 1): boolean {
    const own = this.#owners.get(owner)
    const { size: sharers } = this.#owners
    const having = { most: this.#most, total: this.total, own: own?.total ?? 0, sharers }
    if (hasRoomFor(having, amount)) return true
    if (own === undefined || !isBelowAll(having, amount)) return false
    const ofPart = (own.parts.get(part) ?? 0) + amount
    return ofPart <= this.#most / (sharers + 1) / (own.parts.size + 1)
  }

  count(owner: string, change: number, part = ''): void {
    const own = this.#owners.get(owner) ?? { total: 0, parts: new Map() }
    const ofPart = (own.parts.get(part) ?? 0) + change
    this.total += change
    own.total += change
    if (ofPart <= 0) own.parts.delete(part)
    else own.parts.set(part, ofPart)
    if (own.total <= 0) this.#owners.delete(owner)
    else this.#owners.set(owner, own)
  }
}
