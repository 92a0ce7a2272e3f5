/** Expressions of templates: read once into functions, which ask for own data alone. */
import { callNamed, filters, functions } from './filters.ts'
import { callMethod, isMethod, tests } from './methods.ts'
import { negated, operators, partOf, sliceOf } from './numbers.ts'
import { type TemplateToken, TokenReader } from './tokens.ts'
import {
  Arguments,
  type Call,
  Dict,
  isTrue,
  Macro,
  type Scope,
  TemplateError,
  Tuple,
} from './values.ts'

/** What an expression is worth. */
export type Expression = (scope: Scope) => unknown

/** So many parts an expression may have in all, and within each other: what is called for them has no end otherwise. */
const mostParts = 2000
const mostNesting = 40

const literals: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
])

/** The operators of two values, those that bind least first. */
const levels = [['+', '-'], ['~'], ['*', '/', '//', '%'], ['**']] as const

const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>='])

/** Reads the expressions of one tag. */
export class ExpressionReader extends TokenReader {
  readonly #macros: ReadonlySet<string>
  #parts = 0
  #nesting = 0

  constructor(tokens: readonly TemplateToken[], macros: ReadonlySet<string>) {
    super(tokens)
    this.#macros = macros
  }

  /** `value`, with which the tag ends, at the price of all that was read of it. */
  whole(value: Expression): Expression {
    this.end()
    const steps = this.#parts / 4
    return (scope) => {
      scope.rendering.spend(steps)
      return value(scope)
    }
  }

  /** One expression, or several with commas between as a tuple. */
  tuple(): Expression {
    const first = this.expression()
    if (!this.peek(',')) return first
    const items = [first]
    while (this.take(',') && this.#startsExpression()) items.push(this.expression())
    return (scope) => new Tuple(items.map((item) => item(scope)))
  }

  /** An expression, with `… if … else …` around it. */
  expression(): Expression {
    this.#nesting++
    if (this.#nesting > mostNesting)
      throw new TemplateError(`expected at most ${mostNesting} levels, got more`)
    let value = this.condition()
    while (this.take('if')) {
      const [then, condition] = [value, this.condition()]
      const otherwise = this.take('else') ? this.expression() : () => undefined
      value = (scope) => (isTrue(condition(scope)) ? then(scope) : otherwise(scope))
    }
    this.#nesting--
    return value
  }

  /** An expression without an `if` of its own. */
  condition(): Expression {
    const all = [this.#and()]
    while (this.take('or')) all.push(this.#and())
    return all.reduce((one, other) => (scope) => {
      const value = one(scope)
      return isTrue(value) ? value : other(scope)
    })
  }

  #and(): Expression {
    const all = [this.#not()]
    while (this.take('and')) all.push(this.#not())
    return all.reduce((one, other) => (scope) => {
      const value = one(scope)
      return isTrue(value) ? other(scope) : value
    })
  }

  #not(): Expression {
    let isTurned = false
    let isThere = false
    while (this.take('not')) [isTurned, isThere] = [!isTurned, true]
    const value = this.#comparison()
    return isThere ? (scope) => isTrue(value(scope)) !== isTurned : value
  }

  /** `0 < value < 9` is both, and the middle is asked for once. */
  #comparison(): Expression {
    const first = this.#binary(0)
    const links: [sign: string, value: Expression][] = []
    for (let sign = this.#comparisonSign(); sign !== undefined; sign = this.#comparisonSign()) {
      links.push([sign, this.#binary(0)])
    }
    if (links.length === 0) return first
    return (scope) => {
      let left = first(scope)
      return links.every(([sign, value]) => {
        const right = value(scope)
        const isSo = operators[sign]?.(left, right, scope.rendering)
        left = right
        return isSo
      })
    }
  }

  #comparisonSign(): string | undefined {
    const { kind, text } = this.next()
    if (kind === 'sign' && comparisons.has(text)) {
      this.skip()
      return text
    }
    if (this.take('in')) return 'in'
    if (!(this.peek('not') && this.next(1).text === 'in')) return undefined
    this.skip(2)
    return 'not in'
  }

  #binary(level: number): Expression {
    const signs = levels[level]
    if (signs === undefined) return this.#unary()
    let value = this.#binary(level + 1)
    for (let sign = signs.find((each) => this.take(each)); sign !== undefined; ) {
      const [one, other, act] = [value, this.#binary(level + 1), operators[sign]]
      value = (scope) => act?.(one(scope), other(scope), scope.rendering)
      sign = signs.find((each) => this.take(each))
    }
    return value
  }

  /** A filter is of all that stands before it, its sign too: `-1|abs` is 1. */
  #unary(isFiltered = true): Expression {
    this.#count()
    const value = this.#signed()
    return isFiltered ? this.#filtered(value) : value
  }

  #signed(): Expression {
    if (this.take('-')) {
      const value = this.#deeper(() => this.#unary(false))
      return (scope) => negated(value(scope))
    }
    return this.take('+')
      ? this.#deeper(() => this.#unary(false))
      : this.#postfixed(this.#primary())
  }

  #deeper(read: () => Expression): Expression {
    this.#nesting++
    if (this.#nesting > mostNesting)
      throw new TemplateError(`expected at most ${mostNesting} levels, got more`)
    const value = read()
    this.#nesting--
    return value
  }

  /** `value` with the filters that follow up to the end of the tag; the first `|` may be left out. */
  filters(value: Expression): Expression {
    const isFilter = this.take('|') || !this.isAtEnd()
    return this.whole(isFilter ? this.#filtered(this.#filterCall(value)) : value)
  }

  #filtered(value: Expression): Expression {
    let all = value
    for (;;) {
      this.#count()
      if (this.take('|')) all = this.#filterCall(all)
      else if (this.take('is')) all = this.#test(all)
      else return all
    }
  }

  #filterCall(value: Expression): Expression {
    const filter = callNamed(filters, this.name(), 'filter')
    const given = this.peek('(') ? this.#arguments() : nothing
    return (scope) => called(filter, value(scope), { given: given(scope), scope })
  }

  #test(value: Expression): Expression {
    const isTurned = this.take('not')
    const test = callNamed(tests, this.name(), 'test')
    const given = this.#testArguments()
    return (scope) =>
      isTrue(called(test, value(scope), { given: given(scope), scope })) !== isTurned
  }

  /** In brackets, or one value that follows. */
  #testArguments(): (scope: Scope) => Arguments {
    if (this.peek('(')) return this.#arguments()
    const isEnd =
      !this.#startsExpression() ||
      ['else', 'or', 'and', 'is', 'if', 'not', 'in'].some((word) => this.peek(word))
    if (isEnd) return nothing
    const value = this.#postfixed(this.#primary())
    return (scope) => new Arguments([value(scope)])
  }

  #startsExpression(): boolean {
    const { kind, text } = this.next()
    return kind === 'sign' ? ['(', '[', '{', '-', '+'].includes(text) : kind !== 'end'
  }

  #postfixed(value: Expression): Expression {
    let all = value
    for (;;) {
      this.#count()
      if (this.take('.')) all = this.#attribute(all)
      else if (this.take('[')) all = this.#subscript(all)
      else if (this.peek('('))
        throw new TemplateError('expected a filter, a function or a method that the hub knows')
      else return all
    }
  }

  #attribute(value: Expression): Expression {
    const token = this.next()
    if (token.kind === 'number') {
      this.skip()
      return (scope) => partOf(value(scope), token.value)
    }
    const name = this.name()
    if (!this.peek('(')) return (scope) => partOf(value(scope), name)
    if (!isMethod(name))
      throw new TemplateError(`expected a method that the hub knows, got ${name}()`)
    const given = this.#arguments()
    return (scope) =>
      callMethod(name, value(scope), { given: given(scope), rendering: scope.rendering })
  }

  #subscript(value: Expression): Expression {
    const start = this.peek(':') ? () => null : this.tuple()
    if (!this.take(':')) {
      this.expect(']')
      return (scope) => partOf(value(scope), start(scope))
    }
    const stop = this.#bound()
    const step = this.take(':') ? this.#bound() : () => null
    this.expect(']')
    return (scope) => {
      const bounds = { start: start(scope), stop: stop(scope), step: step(scope) }
      return sliceOf(value(scope), bounds, scope.rendering)
    }
  }

  #bound(): Expression {
    return this.peek(':') || this.peek(']') ? () => null : this.expression()
  }

  #primary(): Expression {
    const token = this.next()
    this.skip()
    switch (token.kind) {
      case 'number':
        return () => token.value
      case 'text':
        return this.#text(token.text)
      case 'name':
        return this.#variable(token.text)
      default:
        return this.#enclosed(token)
    }
  }

  /** Texts that follow each other are one. */
  #text(first: string): Expression {
    let text = first
    for (let next = this.next(); next.kind === 'text'; next = this.next()) {
      text += next.text
      this.skip()
    }
    return () => text
  }

  #variable(name: string): Expression {
    const literal = literals.get(name)
    if (literal !== undefined) return () => literal
    if (!this.peek('(')) return (scope) => scope.get(name)
    if (this.#macros.has(name)) return this.#macroCall(name)
    const act = callNamed(functions, name, 'function')
    const given = this.#arguments()
    return (scope) => called(act, undefined, { given: given(scope), scope })
  }

  #macroCall(name: string): Expression {
    const given = this.#arguments()
    return (scope) => {
      const macro = scope.get(name)
      if (!(macro instanceof Macro)) throw new TemplateError(`expected ${name} to be a macro`)
      return macro.call(given(scope), scope.rendering)
    }
  }

  #enclosed({ kind, text }: TemplateToken): Expression {
    if (kind === 'sign' && text === '(') return this.#parenthesis()
    if (kind === 'sign' && text === '[') {
      const items = this.#list(']', () => this.expression())
      return (scope) => items.map((item) => item(scope))
    }
    if (kind === 'sign' && text === '{') return this.#dict()
    this.skip(-1)
    throw this.unexpected('an expression')
  }

  #parenthesis(): Expression {
    if (this.take(')')) return () => new Tuple([])
    const value = this.tuple()
    this.expect(')')
    return value
  }

  #dict(): Expression {
    const entries = this.#list('}', () => {
      const key = this.expression()
      this.expect(':')
      return [key, this.expression()] as const
    })
    return (scope) => Dict.of(entries.map(([key, value]) => [key(scope), value(scope)] as const))
  }

  #list<T>(closer: string, read: () => T): T[] {
    const items: T[] = []
    while (!this.take(closer)) {
      this.#count()
      items.push(read())
      if (!this.peek(closer)) this.expect(',')
    }
    return items
  }

  #arguments(): (scope: Scope) => Arguments {
    this.expect('(')
    const list: Expression[] = []
    const named: [name: string, value: Expression][] = []
    this.#list(')', () => {
      const isNamed = this.next().kind === 'name' && this.next(1).text === '='
      if (isNamed) {
        const name = this.name()
        this.expect('=')
        named.push([name, this.expression()])
      } else list.push(this.expression())
    })
    return (scope) =>
      new Arguments(
        list.map((value) => value(scope)),
        new Map(named.map(([name, value]) => [name, value(scope)])),
      )
  }

  #count(): void {
    this.#parts++
    if (this.#parts > mostParts)
      throw new TemplateError(`expected at most ${mostParts} parts, got more`)
  }
}

const noArguments = new Arguments()

function nothing(): Arguments {
  return noArguments
}

/** What it costs to look at a value once. */
function sizeOf(value: unknown): number {
  return typeof value === 'string' ? 1 + value.length / 16 : 1
}

interface CallPlace {
  readonly given: Arguments
  readonly scope: Scope
}

function called(act: Call, value: unknown, { given, scope }: CallPlace): unknown {
  scope.rendering.spend(sizeOf(value))
  return act(value, given, scope.rendering)
}
