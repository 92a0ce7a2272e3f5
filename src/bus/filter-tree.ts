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

/** What is filed under the levels of filters so far, and the levels that follow. */
interface Branch<Value> {
  readonly values: Set<Value>
  /** Below `+`, and what is filed under `#` here. */
  one: Branch<Value> | undefined
  some: Branch<Value> | undefined
  readonly levels: Map<string, Branch<Value>>
}

/**
 * Values by filter. Finds those for a topic in a time that grows with the levels of the topic, and not
 * with how many other filters there are. Those without wildcards, which most are, are found by the topic
 * itself, and take no branches. That wildcards do not stand for what begins with `$` is left to the
 * values [MQTT-4.7.2-1].
 */
export class FilterTree<Value> {
  readonly #syntax: Required<{ [Key in keyof FilterSyntax]: NonNullable<FilterSyntax[Key]> }>
  readonly #root = createBranch<Value>()
  readonly #exact = new Map<string, Values<Value>>()

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
    const levels = filter.split(this.#syntax.separator)
    if (!this.#isPattern(levels)) {
      this.#exact.set(filter, withValue(this.#exact.get(filter), value))
      return
    }
    let branch = this.#root
    for (const level of levels) branch = this.#grow(branch, level)
    branch.values.add(value)
  }

  remove(filter: string, value: Value): void {
    const levels = filter.split(this.#syntax.separator)
    if (this.#isPattern(levels)) this.#prune(this.#root, levels, value)
    else if (leavesNone(this.#exact.get(filter), value)) this.#exact.delete(filter)
  }

  /** The values of all filters that match, once for each. */
  match(topic: string): Value[] {
    const found: Value[] = []
    this.#collect(this.#root, { levels: topic.split(this.#syntax.separator), found }, 0)
    for (const value of valuesIn(this.#exact.get(topic))) found.push(value)
    return found
  }

  #isPattern(levels: readonly string[]): boolean {
    const { wildcardOne, wildcardSome } = this.#syntax
    return levels.includes(wildcardOne) || levels.includes(wildcardSome)
  }

  #grow(branch: Branch<Value>, level: string): Branch<Value> {
    const known = this.#next(branch, level)
    if (known !== undefined) return known
    const grown = createBranch<Value>()
    const { wildcardOne, wildcardSome } = this.#syntax
    if (level === wildcardOne) branch.one = grown
    else if (level === wildcardSome) branch.some = grown
    else branch.levels.set(level, grown)
    return grown
  }

  #next(branch: Branch<Value>, level: string): Branch<Value> | undefined {
    const { wildcardOne, wildcardSome } = this.#syntax
    if (level === wildcardOne) return branch.one
    return level === wildcardSome ? branch.some : branch.levels.get(level)
  }

  /** Cuts off what is empty afterwards. */
  #prune(branch: Branch<Value>, [level, ...rest]: string[], value: Value): void {
    if (level === undefined) {
      branch.values.delete(value)
      return
    }
    const next = this.#next(branch, level)
    if (next === undefined) return
    this.#prune(next, rest, value)
    if (!isEmpty(next)) return
    if (next === branch.one) branch.one = undefined
    else if (next === branch.some) branch.some = undefined
    else branch.levels.delete(level)
  }

  #collect(branch: Branch<Value>, search: Search<Value>, at: number): void {
    const { levels, found } = search
    // [MQTT-4.7.1-2] What ends with /# matches the level above, too.
    for (const value of branch.some?.values ?? []) found.push(value)
    const level = levels[at]
    if (level === undefined) {
      for (const value of branch.values) found.push(value)
      return
    }
    const exact = branch.levels.get(level)
    if (exact !== undefined) this.#collect(exact, search, at + 1)
    const isFit = level !== '' || this.#syntax.matchEmptyLevels
    if (branch.one !== undefined && isFit) this.#collect(branch.one, search, at + 1)
  }
}

interface Search<Value> {
  readonly levels: readonly string[]
  readonly found: Value[]
}

function createBranch<Value>(): Branch<Value> {
  return { values: new Set(), one: undefined, some: undefined, levels: new Map() }
}

function isEmpty<Value>({ values, one, some, levels }: Branch<Value>): boolean {
  return values.size === 0 && one === undefined && some === undefined && levels.size === 0
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

function valuesIn<Value>(values: Values<Value> | undefined): Value[] {
  if (values === undefined) return []
  return values instanceof Several ? [...values] : [values]
}
