/** Maps that know which entry was set the longest ago: for one owner, and for many who share the room there is. */

interface Link<Key, Value> {
  readonly key: Key
  value: Value
  older: Link<Key, Value> | undefined
  newer: Link<Key, Value> | undefined
}

/** Links in the order in which they were put here. */
class Chain<Key, Value> {
  oldest: Link<Key, Value> | undefined
  newest: Link<Key, Value> | undefined

  cutOut({ older, newer }: Link<Key, Value>): void {
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    if (newer === undefined) this.newest = older
    else newer.older = older
  }

  putLast(link: Link<Key, Value>): void {
    link.older = this.newest
    link.newer = undefined
    if (this.newest === undefined) this.oldest = link
    else this.newest.newer = link
    this.newest = link
  }

  /** It comes last from now on. */
  renew(link: Link<Key, Value>): void {
    if (link === this.newest) return
    this.cutOut(link)
    this.putLast(link)
  }
}

/**
 * A map that knows which entry was set the longest ago. To remove an entry of a `Map` and to add it again
 * puts it last, too, but in a large one that is slow for what is set again and again: removed entries stay
 * in the way of those with the same hash until the map is built anew. An LRUCache takes a third longer for what is
 * set again, and has its room for the most there may be from the start.
 */
export class RecencyMap<Key, Value> {
  readonly #links = new Map<Key, Link<Key, Value>>()
  readonly #chain = new Chain<Key, Value>()

  get size(): number {
    return this.#links.size
  }

  has(key: Key): boolean {
    return this.#links.has(key)
  }

  /** Changes nothing about how long ago it was set. */
  get(key: Key): Value | undefined {
    return this.#links.get(key)?.value
  }

  /** Sets an entry, which comes last from now on. */
  set(key: Key, value: Value): void {
    const known = this.#links.get(key)
    if (known !== undefined) {
      known.value = value
      this.#chain.renew(known)
      return
    }
    const link = { key, value, older: undefined, newer: undefined }
    this.#links.set(key, link)
    this.#chain.putLast(link)
  }

  delete(key: Key): boolean {
    const link = this.#links.get(key)
    if (link !== undefined) this.#chain.cutOut(link)
    return this.#links.delete(key)
  }

  /** The key of the entry that was set the longest ago. */
  get oldest(): Key | undefined {
    return this.#chain.oldest?.key
  }

  /** What was set the longest ago comes first; entries may be deleted meanwhile. */
  *entries(): Generator<[Key, Value], void, void> {
    for (let link = this.#chain.oldest; link !== undefined; link = link.newer) {
      if (this.#links.get(link.key) === link) yield [link.key, link.value]
    }
  }
}

/** Whose an entry is, and how much of what all share it takes. */
interface Share {
  readonly owner: string
  readonly weight: number
}

interface SharedLink<Key, Value> extends Link<Key, Value> {
  readonly own: Own<Key, Value>
  weight: number
}

/** What one of them has. */
class Own<Key, Value> extends Chain<Key, Value> {
  readonly owner: string
  weight = 0

  constructor(owner: string) {
    super()
    this.owner = owner
  }
}

/** A map that many share: when there is too much in it, whoever has most gives way, with what was set the longest ago. */
export class SharedMap<Key, Value> {
  readonly #links = new Map<Key, SharedLink<Key, Value>>()
  readonly #owners = new Map<string, Own<Key, Value>>()
  /** Of all entries. */
  weight = 0

  get size(): number {
    return this.#links.size
  }

  get(key: Key): Value | undefined {
    return this.#links.get(key)?.value
  }

  /** Sets an entry, which comes last of its owner's. It stays with whoever set it first. */
  set(key: Key, value: Value, { owner, weight }: Share): void {
    const known = this.#links.get(key)
    if (known !== undefined) {
      known.value = value
      this.#weigh(known, weight)
      known.own.renew(known)
      return
    }
    const own = this.#owners.get(owner) ?? new Own(owner)
    this.#owners.set(owner, own)
    const link = { key, value, own, weight: 0, older: undefined, newer: undefined }
    this.#links.set(key, link)
    this.#weigh(link, weight)
    own.putLast(link)
  }

  delete(key: Key): void {
    const link = this.#links.get(key)
    if (link === undefined) return
    const { own } = link
    this.#weigh(link, 0)
    own.cutOut(link)
    this.#links.delete(key)
    if (own.oldest === undefined) this.#owners.delete(own.owner)
  }

  /** The key of the entry that gives way next; of two who have as much, who came later. */
  get givesWay(): Key | undefined {
    let heaviest: Own<Key, Value> | undefined
    for (const own of this.#owners.values()) {
      if (own.weight >= (heaviest?.weight ?? 0)) heaviest = own
    }
    return heaviest?.oldest?.key
  }

  /** In the order in which they came; others may be set and deleted meanwhile. */
  keys(): IterableIterator<Key> {
    return this.#links.keys()
  }

  #weigh(link: SharedLink<Key, Value>, weight: number): void {
    const change = weight - link.weight
    link.weight = weight
    link.own.weight += change
    this.weight += change
  }
}

/** Counts what many have of something. Once there is too much of it, only those may have more who have less than an equal share. */
export class ShareQuota {
  readonly #most: number
  readonly #ofOwner = new Map<string, number>()
  total = 0

  constructor(most: number) {
    this.#most = most
  }

  hasRoomFor(owner: string): boolean {
    if (this.total < this.#most) return true
    return (this.#ofOwner.get(owner) ?? 0) < this.#most / (this.#ofOwner.size + 1)
  }

  count(owner: string, change: number): void {
    this.total += change
    const ofOwner = (this.#ofOwner.get(owner) ?? 0) + change
    if (ofOwner > 0) this.#ofOwner.set(owner, ofOwner)
    else this.#ofOwner.delete(owner)
  }
}
