/** What the names of a template stand for while it is rendered. */
import { constants } from './filters.ts'
import type { Arguments, Rendering } from './values.ts'

/** The variables that a part of a template sees. */
export class Scope {
  readonly rendering: Rendering
  readonly #outer: Scope | undefined
  readonly #given: Readonly<Record<string, unknown>>
  #own: Map<string, unknown> | undefined

  constructor(rendering: Rendering, given: Readonly<Record<string, unknown>>, outer?: Scope) {
    this.rendering = rendering
    this.#given = given
    this.#outer = outer
  }

  /** A scope within this one: what it sets is gone behind it. */
  inner(values: Iterable<readonly [string, unknown]> = []): Scope {
    const scope = new Scope(this.rendering, this.#given, this)
    scope.setAll(values)
    return scope
  }

  setAll(values: Iterable<readonly [string, unknown]>): void {
    for (const [name, value] of values) this.set(name, value)
  }

  set(name: string, value: unknown): void {
    this.#own ??= new Map()
    this.#own.set(name, value)
  }

  get(name: string): unknown {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#outer) {
      if (scope.#own?.has(name)) return scope.#own.get(name)
    }
    return Object.hasOwn(this.#given, name) ? this.#given[name] : constants.get(name)
  }
}

/** What `{% macro %}` defines. */
export class Macro {
  readonly call: (given: Arguments, rendering: Rendering) => string

  constructor(call: (given: Arguments, rendering: Rendering) => string) {
    this.call = call
  }
}
