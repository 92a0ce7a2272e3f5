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

interface SharedLink<Value> extends Link<string, Value> {
  readonly own: Own<Value>
  readonly branch: Branch
  /** The same in the order of its branch. */
  readonly inBranch: Link<string, undefined>
  weight: number
}

/** What one owner has below some topic. */
class Branch extends Chain<string, undefined> {
  weight = 0
}

/** What one owner has. */
class Own<Value> extends Chain<string, Value> {
  readonly owner: string
  readonly branches = new Map<string, Branch>()
  weight = 0
  /** Of the branches, the last one that had more than half. */
  #heavy: Branch | undefined = undefined

  constructor(owner: string) {
    super()
    this.owner = owner
  }

  weigh(branch: Branch, change: number): void {
    branch.weight += change
    this.weight += change
    if (branch.weight > this.weight / 2) this.#heavy = branch
  }

  /** Of a branch that has more than all others, or else of all, what was set the longest ago. */
  get givesWay(): string | undefined {
    const heavy = this.#heavy
    const oldest = heavy !== undefined && heavy.weight > this.weight / 2 ? heavy.oldest : undefined
    return (oldest ?? this.oldest)?.key
  }
}

/** The first two levels of `topic`, which have a share of their own: `nodes/<name>`, `zigbee2mqtt/<lamp>`. */
export function branchOf(topic: string): string {
  const first = topic.indexOf('/')
  const end = first < 0 ? -1 : topic.indexOf('/', first + 1)
  return end < 0 ? topic : topic.slice(0, end)
}

/**
 * A map by topic that many share. When there is too much in it, whoever has most gives way: with what was set the longest
 * ago, or if one node of theirs, or another branch of topics, has more than all others, with the oldest of that.
 */
export class SharedMap<Value> {
  readonly #links = new Map<string, SharedLink<Value>>()
  readonly #owners = new Map<string, Own<Value>>()
  /** Of all entries. */
  weight = 0

  get size(): number {
    return this.#links.size
  }

  get(topic: string): Value | undefined {
    return this.#links.get(topic)?.value
  }

  /** Sets an entry, which comes last of its owner's. It stays with whoever set it first. */
  set(topic: string, value: Value, { owner, weight }: Share): void {
    const known = this.#links.get(topic)
    if (known !== undefined) {
      known.value = value
      this.#weigh(known, weight)
      known.own.renew(known)
      known.branch.renew(known.inBranch)
      return
    }
    const link = newLink(topic, value, this.#own(owner))
    this.#links.set(topic, link)
    this.#weigh(link, weight)
    link.own.putLast(link)
    link.branch.putLast(link.inBranch)
  }

  delete(topic: string): void {
    const link = this.#links.get(topic)
    if (link === undefined) return
    const { own, branch, inBranch } = link
    this.#weigh(link, 0)
    own.cutOut(link)
    branch.cutOut(inBranch)
    this.#links.delete(topic)
    if (branch.oldest === undefined) own.branches.delete(branchOf(topic))
    if (own.oldest === undefined) this.#owners.delete(own.owner)
  }

  /** The topic of the entry that gives way next; of two owners who have as much, of who came later. */
  get givesWay(): string | undefined {
    let heaviest: Own<Value> | undefined
    for (const own of this.#owners.values()) {
      if (own.weight >= (heaviest?.weight ?? 0)) heaviest = own
    }
    return heaviest?.givesWay
  }

  /** In the order in which they came; others may be set and deleted meanwhile. */
  keys(): IterableIterator<string> {
    return this.#links.keys()
  }

  /** The topics of the entries of `owner`. */
  keysOf(owner: string): string[] {
    return [...this.#links.values()].flatMap(({ key, own }) => (own.owner === owner ? [key] : []))
  }

  #own(owner: string): Own<Value> {
    const own = this.#owners.get(owner) ?? new Own(owner)
    this.#owners.set(owner, own)
    return own
  }

  #weigh(link: SharedLink<Value>, weight: number): void {
    const change = weight - link.weight
    if (change === 0) return
    link.weight = weight
    link.own.weigh(link.branch, change)
    this.weight += change
  }
}

function newLink<Value>(topic: string, value: Value, own: Own<Value>): SharedLink<Value> {
  const name = branchOf(topic)
  const branch = own.branches.get(name) ?? new Branch()
  own.branches.set(name, branch)
  const inBranch = { key: topic, value: undefined, older: undefined, newer: undefined }
  return { key: topic, value, own, branch, inBranch, weight: 0, older: undefined, newer: undefined }
}
