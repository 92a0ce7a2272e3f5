interface Link<Key, Value> {
  readonly key: Key
  value: Value
  older: Link<Key, Value> | undefined
  newer: Link<Key, Value> | undefined
}

/**
 * A map that knows which entry was set the longest ago. To remove an entry of a `Map` and to add it again
 * puts it last, too, but in a large one that is slow for what is set again and again: removed entries stay
 * in the way of those with the same hash until the map is built anew. An LRUCache takes a third longer for what is
 * set again, and has its room for the most there may be from the start.
 */
export class RecencyMap<Key, Value> {
  readonly #links = new Map<Key, Link<Key, Value>>()
  #oldest: Link<Key, Value> | undefined
  #newest: Link<Key, Value> | undefined

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
    const link = known ?? { key, value, older: undefined, newer: undefined }
    link.value = value
    if (known === undefined) this.#links.set(key, link)
    else if (known === this.#newest) return
    else this.#cutOut(known)
    this.#putLast(link)
  }

  delete(key: Key): boolean {
    const link = this.#links.get(key)
    if (link !== undefined) this.#cutOut(link)
    return this.#links.delete(key)
  }

  /** The key of the entry that was set the longest ago. */
  get oldest(): Key | undefined {
    return this.#oldest?.key
  }

  /** In the order in which they came; others may be set and deleted meanwhile. */
  keys(): IterableIterator<Key> {
    return this.#links.keys()
  }

  /** What was set the longest ago comes first; entries may be deleted meanwhile. */
  *entries(): Generator<[Key, Value], void, void> {
    for (let link = this.#oldest; link !== undefined; link = link.newer) {
      if (this.#links.get(link.key) === link) yield [link.key, link.value]
    }
  }

  #cutOut({ older, newer }: Link<Key, Value>): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  #putLast(link: Link<Key, Value>): void {
    link.older = this.#newest
    link.newer = undefined
    if (this.#newest === undefined) this.#oldest = link
    else this.#newest.newer = link
    this.#newest = link
  }
}
