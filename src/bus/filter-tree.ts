/** What has the same filter. Mostly that is one value, and a set takes many times its memory. */
class Several<Value> extends Set<Value> {}

type Values<Value> = Value | Several<Value>

/** What is filed under filters with wildcards that begin alike. */
interface Branch<Value> {
  /** The levels that lead here from the branch above; the first of them is its key there. */
  readonly path: string
  /** What is filed under the filter that ends here. */
  values: Values<Value> | undefined
  below: Map<string, Branch<Value>> | undefined
}

/**
 * Values by filter. Finds those for a topic in a time that grows with the levels of the topic, and not
 * with how many other filters there are. Those without wildcards, which most are, are found by the topic
 * itself. Of the others there are at most twice as many branches as filters, however many levels those
 * have. A wildcard at the beginning does not stand for what begins with `$` [MQTT-4.7.2-1].
 */
export class FilterTree<Value> {
  readonly #exact = new Map<string, Values<Value>>()
  readonly #root: Branch<Value> = { path: '', values: undefined, below: undefined }

  /** A value is filed under a filter only once. */
  add(filter: string, value: Value): void {
    let rest = levelsIn(filter)
    if (!isPattern(rest)) {
      this.#exact.set(filter, withValue(this.#exact.get(filter), value))
      return
    }
    let branch = this.#root
    while (rest.length > 0) {
      const [key = ''] = rest
      const below = branch.below?.get(key)
      const next = below === undefined ? newBranch<Value>(rest) : this.#cut(below, rest)
      branch.below ??= new Map()
      branch.below.set(key, next)
      rest = rest.slice(levelsIn(next.path).length)
      branch = next
    }
    branch.values = withValue(branch.values, value)
  }

  remove(filter: string, value: Value): void {
    const levels = levelsIn(filter)
    if (isPattern(levels)) this.#prune(this.#root, levels, value)
    else if (leavesNone(this.#exact.get(filter), value)) this.#exact.delete(filter)
  }

  /** The values of all filters that match, once for each. */
  match(topic: string): Value[] {
    const found: Value[] = []
    this.#collect(this.#root, { levels: levelsIn(topic), found }, 0)
    for (const value of valuesIn(this.#exact.get(topic))) found.push(value)
    return found
  }

  /** The part of `branch` that `levels` lead to, with the rest of it below. */
  #cut(branch: Branch<Value>, levels: readonly string[]): Branch<Value> {
    const path = levelsIn(branch.path)
    const end = path.findIndex((level, at) => level !== levels[at])
    if (end === -1) return branch
    const rest = path.slice(end)
    const below = new Map([[String(rest[0]), { ...branch, path: rest.join('/') }]])
    return { ...newBranch<Value>(path.slice(0, end)), below }
  }

  /** Cuts off what is empty afterwards, and joins what has nothing beside it. */
  #prune(branch: Branch<Value>, levels: readonly string[], value: Value): void {
    const [key] = levels
    if (key === undefined) {
      if (leavesNone(branch.values, value)) branch.values = undefined
      return
    }
    const next = branch.below?.get(key)
    if (next === undefined) return
    const path = levelsIn(next.path)
    if (!path.every((level, at) => level === levels[at])) return
    this.#prune(next, levels.slice(path.length), value)
    const left = this.#joined(next)
    if (left !== undefined) branch.below?.set(key, left)
    else branch.below?.delete(key)
    if (branch.below?.size === 0) branch.below = undefined
  }

  /** What is left of a branch; undefined when nothing is. */
  #joined(branch: Branch<Value>): Branch<Value> | undefined {
    const { path, values, below } = branch
    if (values !== undefined || (below !== undefined && below.size > 1)) return branch
    const [only] = below?.values() ?? []
    return only && { ...only, path: `${path}/${only.path}` }
  }

  /** `at` is the first level that the branches so far do not stand for. */
  #collect({ below }: Branch<Value>, search: Search<Value>, at: number): void {
    const level = search.levels[at]
    const hidesWildcards = at === 0 && level?.startsWith('$') === true
    // [MQTT-4.7.1-2] What ends with /# matches the level above, too.
    if (!hidesWildcards) this.#follow(below?.get('#'), search, at)
    if (level === undefined) return
    // What looks like a wildcard is none in a topic.
    const isName = level !== '+' && level !== '#'
    if (isName) this.#follow(below?.get(level), search, at)
    // [MQTT-4.7.1-3] An empty level is one, too.
    if (!hidesWildcards) this.#follow(below?.get('+'), search, at)
  }

  #follow(branch: Branch<Value> | undefined, search: Search<Value>, at: number): void {
    if (branch === undefined) return
    const { levels, found } = search
    const end = endOf(branch.path, levels, at)
    if (end === undefined) return
    if (end <= levels.length) this.#collect(branch, search, end)
    if (end < levels.length) return
    for (const value of valuesIn(branch.values)) found.push(value)
  }
}

interface Search<Value> {
  readonly levels: readonly string[]
  readonly found: Value[]
}

function withValue<Value>(values: Values<Value> | undefined, value: Value): Values<Value> {
  if (values === undefined || values === value) return value
  return values instanceof Several ? values.add(value) : new Several([values, value])
}

/** Takes `value` away; returns whether none is left. */
function leavesNone<Value>(values: Values<Value> | undefined, value: Value): boolean {
  if (!(values instanceof Several)) return values === value
  values.delete(value)
  return values.size === 0
}

function valuesIn<Value>(values: Values<Value> | undefined): Iterable<Value> {
  if (values === undefined) return []
  return values instanceof Several ? values : [values]
}

function levelsIn(path: string): string[] {
  return path.split('/')
}

function isPattern(levels: readonly string[]): boolean {
  return levels.includes('+') || levels.includes('#')
}

function newBranch<Value>(levels: readonly string[]): Branch<Value> {
  return { path: levels.join('/'), values: undefined, below: undefined }
}

/** Where the levels of a topic go on behind `path`, past their end if it matches any; undefined if none. */
function endOf(path: string, levels: readonly string[], at: number): number | undefined {
  if (path === '#') return Number.POSITIVE_INFINITY
  // By its key, a path of one level is known to match.
  if (!path.includes('/')) return at + 1
  const own = levelsIn(path)
  for (const [index, level] of own.entries()) {
    if (level === '#' && index === own.length - 1) return Number.POSITIVE_INFINITY
    const other = levels[at + index]
    if (other === undefined || (level !== '+' && level !== other)) return undefined
  }
  return at + own.length
}
