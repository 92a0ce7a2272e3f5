/** How filters are written. What is left out is as in MQTT. */
export interface FilterSyntax {
  readonly separator?: string | undefined
  readonly wildcardOne?: string | undefined
  readonly wildcardSome?: string | undefined
  /** Whether `+` stands for an empty level, too [MQTT-4.7.1-3]. */
  readonly matchEmptyLevels?: boolean | undefined
}

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
  readonly #syntax: Required<{ [Key in keyof FilterSyntax]: NonNullable<FilterSyntax[Key]> }>
  readonly #exact = new Map<string, Values<Value>>()
  readonly #root: Branch<Value> = { path: '', values: undefined, below: undefined }

  constructor(syntax: FilterSyntax = {}) {
    const { separator, wildcardOne, wildcardSome, matchEmptyLevels } = syntax
    this.#syntax = {
      separator: separator ?? '/',
      wildcardOne: wildcardOne ?? '+',
      wildcardSome: wildcardSome ?? '#',
      matchEmptyLevels: matchEmptyLevels ?? true,
    }
  }

  /** A value is filed under a filter only once. */
  add(filter: string, value: Value): void {
    let rest = this.#levelsIn(filter)
    if (!this.#isPattern(rest)) {
      this.#exact.set(filter, withValue(this.#exact.get(filter), value))
      return
    }
    let branch = this.#root
    while (rest.length > 0) {
      const [key = ''] = rest
      const below = branch.below?.get(key)
      const next = below === undefined ? this.#newBranch(rest) : this.#cut(below, rest)
      branch.below ??= new Map()
      branch.below.set(key, next)
      rest = rest.slice(this.#levelsIn(next.path).length)
      branch = next
    }
    branch.values = withValue(branch.values, value)
  }

  remove(filter: string, value: Value): void {
    const levels = this.#levelsIn(filter)
    if (this.#isPattern(levels)) this.#prune(this.#root, levels, value)
    else if (leavesNone(this.#exact.get(filter), value)) this.#exact.delete(filter)
  }

  /** The values of all filters that match, once for each. */
  match(topic: string): Value[] {
    const found: Value[] = []
    this.#collect(this.#root, { levels: this.#levelsIn(topic), found }, 0)
    for (const value of valuesIn(this.#exact.get(topic))) found.push(value)
    return found
  }

  #isPattern(levels: readonly string[]): boolean {
    const { wildcardOne, wildcardSome } = this.#syntax
    return levels.includes(wildcardOne) || levels.includes(wildcardSome)
  }

  #levelsIn(path: string): string[] {
    return path.split(this.#syntax.separator)
  }

  #newBranch(levels: readonly string[]): Branch<Value> {
    return { path: levels.join(this.#syntax.separator), values: undefined, below: undefined }
  }

  /** The part of `branch` that `levels` lead to, with the rest of it below. */
  #cut(branch: Branch<Value>, levels: readonly string[]): Branch<Value> {
    const path = this.#levelsIn(branch.path)
    const end = path.findIndex((level, at) => level !== levels[at])
    if (end === -1) return branch
    const rest = path.slice(end)
    const below = new Map([[String(rest[0]), { ...branch, path: this.#newBranch(rest).path }]])
    return { ...this.#newBranch(path.slice(0, end)), below }
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
    const path = this.#levelsIn(next.path)
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
    return only && { ...only, path: path + this.#syntax.separator + only.path }
  }

  /** `at` is the first level that the branches so far do not stand for. */
  #collect({ below }: Branch<Value>, search: Search<Value>, at: number): void {
    const { wildcardOne, wildcardSome, matchEmptyLevels } = this.#syntax
    const level = search.levels[at]
    const hidesWildcards = at === 0 && level?.startsWith('$') === true
    // [MQTT-4.7.1-2] What ends with /# matches the level above, too.
    if (!hidesWildcards) this.#follow(below?.get(wildcardSome), search, at)
    if (level === undefined) return
    // What looks like a wildcard is none in a topic.
    const isName = level !== wildcardOne && level !== wildcardSome
    if (isName) this.#follow(below?.get(level), search, at)
    if (hidesWildcards) return
    if (level !== '' || matchEmptyLevels) this.#follow(below?.get(wildcardOne), search, at)
  }

  #follow(branch: Branch<Value> | undefined, search: Search<Value>, at: number): void {
    if (branch === undefined) return
    const { levels, found } = search
    const end = this.#end(branch.path, levels, at)
    if (end === undefined) return
    if (end <= levels.length) this.#collect(branch, search, end)
    if (end < levels.length) return
    for (const value of valuesIn(branch.values)) found.push(value)
  }

  /** Where the levels of a topic go on behind `path`, past their end if it matches any; undefined if none. */
  #end(path: string, levels: readonly string[], at: number): number | undefined {
    const { separator, wildcardSome } = this.#syntax
    if (path === wildcardSome) return Number.POSITIVE_INFINITY
    // By its key, a path of one level is known to match.
    if (!path.includes(separator)) return at + 1
    const own = this.#levelsIn(path)
    for (const [index, level] of own.entries()) {
      const isLast = index === own.length - 1
      if (isLast && level === wildcardSome) return Number.POSITIVE_INFINITY
      if (!this.#standsFor(level, levels[at + index])) return undefined
    }
    return at + own.length
  }

  #standsFor(level: string, other: string | undefined): boolean {
    if (other === undefined) return false
    const { wildcardOne, matchEmptyLevels } = this.#syntax
    return level === other || (level === wildcardOne && (other !== '' || matchEmptyLevels))
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
