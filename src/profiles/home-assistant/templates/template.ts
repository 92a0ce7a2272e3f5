/**
 * Templates of Home Assistant's configs, in its language (Jinja2 with filters of its own), without what reads or does
 * anything outside of a template, and without regular expressions. They are written by whoever may publish a config:
 * each is compiled once, sees the values it is given and nothing else, and ends after a bounded number of steps.
 */
import type { Clock } from '../../../core/clock.ts'
import { reasonOf } from '../../../core/errors.ts'
import { type Expression, ExpressionReader } from './expressions.ts'
import { str } from './texts.ts'
import { type Segment, segmentsOf, type TemplateToken } from './tokens.ts'
import {
  type Arguments,
  elementsOf,
  isTrue,
  itemsIn,
  Macro,
  Namespace,
  Rendering,
  Scope,
  TemplateError,
} from './values.ts'

/** Why a template was not understood, or has no result. */
export class TemplateFailure {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

export interface Template {
  /** The text that the template is with these variables, without white space at its ends. It never throws. */
  render(variables: Readonly<Record<string, unknown>>): string | TemplateFailure
}

/** So long a template may be: the longest of Zigbee2MQTT's have 3,800 characters. */
const mostSource = 16_384

/** `source` as a template, or why it is none that the hub understands. `clock` says what `now()` is. */
export function compileTemplate(source: string, clock: Clock): Template | TemplateFailure {
  return withReason(() => {
    if (source.length > mostSource) {
      throw new TemplateError(`expected at most ${mostSource} characters, got ${source.length}`)
    }
    const statement = new TemplateReader(segmentsOf(source)).read()
    return { render: (variables) => withReason(() => rendered(statement, variables, clock)) }
  })
}

function withReason<T>(act: () => T): T | TemplateFailure {
  try {
    return act()
  } catch (error) {
    return new TemplateFailure(reasonOf(error))
  }
}

function rendered(
  statement: Statement,
  variables: Readonly<Record<string, unknown>>,
  clock: Clock,
): string {
  const output = new Output()
  statement(new Scope(new Rendering(clock), variables), output)
  return output.text.trim()
}

/** What has been written so far. */
class Output {
  text = ''

  add(text: string, { rendering }: Scope): void {
    rendering.fits(this.text.length + text.length)
    rendering.spend(text.length / 16)
    this.text += text
  }
}

/** How a loop goes on after a statement: in its order where nothing is said. */
type Ending = undefined | 'break' | 'continue'

type Statement = (scope: Scope, output: Output) => Ending

/** So many blocks may stand within each other. */
const mostBlocks = 40

/** What stands between two tags, and the second of them: its word, and what follows that. */
interface Body {
  readonly statement: Statement
  readonly ender: string
  readonly tag: ExpressionReader
}

/** Reads the segments of a template, one after the other. */
class TemplateReader {
  readonly #segments: readonly Segment[]
  readonly #macros: ReadonlySet<string>
  #at = 0
  #nesting = 0

  constructor(segments: readonly Segment[]) {
    this.#segments = segments
    this.#macros = new Set(segments.flatMap(macroNameIn))
  }

  /** All up to the end. @throws TemplateError when that is not understood. */
  read(): Statement {
    const statements: Statement[] = []
    for (let segment = this.#next(); segment !== undefined; segment = this.#next()) {
      statements.push(this.#statement(segment))
    }
    return inOrder(statements)
  }

  #next(): Segment | undefined {
    return this.#segments[this.#at++]
  }

  /** All up to a tag that begins with one of `enders`, which is taken. */
  #body(...enders: readonly string[]): Body {
    this.#nesting++
    if (this.#nesting > mostBlocks) {
      throw new TemplateError(`expected at most ${mostBlocks} levels of blocks, got more`)
    }
    const statements: Statement[] = []
    for (let segment = this.#next(); segment !== undefined; segment = this.#next()) {
      const ender = wordOf(segment)
      if (segment.kind === 'block' && enders.includes(ender)) {
        this.#nesting--
        const tag = this.#tag(segment.tokens)
        return { statement: inOrder(statements), ender: tag.name(), tag }
      }
      statements.push(this.#statement(segment))
    }
    throw new TemplateError(`expected ${enders.at(-1)}, got the end of the template`)
  }

  /** A body that ends with this word alone. */
  #bodyTo(ender: string): Statement {
    const { statement, tag } = this.#body(ender)
    tag.end()
    return statement
  }

  #tag(tokens: readonly TemplateToken[]): ExpressionReader {
    return new ExpressionReader(tokens, this.#macros)
  }

  #statement(segment: Segment): Statement {
    if (segment.kind === 'text') {
      return (scope, output) => void output.add(segment.text, scope)
    }
    const tag = this.#tag(segment.tokens)
    if (segment.kind === 'block') return this.#block(tag.name(), tag)
    const value = tag.whole(tag.tuple())
    return (scope, output) => void output.add(str(value(scope), scope.rendering), scope)
  }

  #block(word: string, tag: ExpressionReader): Statement {
    switch (word) {
      case 'if':
        return this.#if(tag)
      case 'for':
        return this.#for(tag)
      case 'set':
        return this.#set(tag)
      case 'macro':
        return this.#macro(tag)
      case 'with':
        return this.#with(tag)
      case 'filter':
        return this.#filter(tag)
      case 'break':
      case 'continue':
        tag.end()
        return () => word
      default:
        throw new TemplateError(`expected a block that the hub knows, got ${word}`)
    }
  }

  #if(tag: ExpressionReader): Statement {
    const cases: [condition: Expression, statement: Statement][] = []
    let condition = tag.whole(tag.tuple())
    for (;;) {
      const { statement, ender, tag: next } = this.#body('elif', 'else', 'endif')
      cases.push([condition, statement])
      condition = ender === 'elif' ? next.whole(next.tuple()) : () => true
      if (ender === 'elif') continue
      next.end()
      if (ender === 'else') cases.push([condition, this.#bodyTo('endif')])
      return (scope, output) => cases.find(([each]) => isTrue(each(scope)))?.[1](scope, output)
    }
  }

  #for(tag: ExpressionReader): Statement {
    const names = tag.names()
    tag.expect('in')
    const list = tag.condition()
    const condition = tag.take('if') ? tag.expression() : () => true
    const whole = tag.whole(list)
    const { statement, ender, tag: next } = this.#body('else', 'endfor')
    next.end()
    const otherwise = ender === 'else' ? this.#bodyTo('endfor') : () => undefined
    return (scope, output) => {
      const parts = elementsOf(whole(scope), scope.rendering).map((part) => assigned(names, part))
      const kept = parts.filter((values) => isTrue(condition(scope.inner(values))))
      if (kept.length === 0) return otherwise(scope, output)
      for (const [at, values] of kept.entries()) {
        scope.rendering.spend(1)
        const round = scope.inner([...values, ['loop', roundOf(at, kept.length)]])
        if (statement(round, output) === 'break') break
      }
      return undefined
    }
  }

  #set(tag: ExpressionReader): Statement {
    const names = tag.names()
    const part = tag.take('.') ? tag.name() : undefined
    if (tag.take('=')) {
      const value = tag.whole(tag.tuple())
      if (part !== undefined)
        return (scope) => setPart(scope.get(`${names[0]}`), part, value(scope))
      return (scope) => void scope.setAll(assigned(names, value(scope)))
    }
    const value = this.#captured(tag, 'endset')
    return (scope) => void scope.set(`${names[0]}`, value(scope))
  }

  #filter(tag: ExpressionReader): Statement {
    const value = this.#captured(tag, 'endfilter')
    return (scope, output) => void output.add(str(value(scope), scope.rendering), scope)
  }

  /** What stands up to `ender`, filtered by what is left of `tag`. */
  #captured(tag: ExpressionReader, ender: string): Expression {
    // No variable of a template has an empty name.
    const filtered = tag.filters((scope) => scope.get(''))
    const statement = this.#bodyTo(ender)
    return (scope) => filtered(scope.inner([['', textOfBody(statement, scope.inner())]]))
  }

  #with(tag: ExpressionReader): Statement {
    const entries = this.#parameters(tag)
    const pay = tag.whole(() => undefined)
    const statement = this.#bodyTo('endwith')
    return (scope, output) => {
      pay(scope)
      const inner = scope.inner()
      for (const [name, value] of entries) inner.set(name, value?.(scope))
      return statement(inner, output)
    }
  }

  /** Names with their values where they have one, and commas between. */
  #parameters(tag: ExpressionReader): (readonly [name: string, value: Expression | undefined])[] {
    const entries: (readonly [name: string, value: Expression | undefined])[] = []
    while (!tag.isAtEnd() && !tag.peek(')')) {
      const name = tag.name()
      entries.push([name, tag.take('=') ? tag.expression() : undefined])
      if (!tag.take(',')) break
    }
    return entries
  }

  #macro(tag: ExpressionReader): Statement {
    const name = tag.name()
    tag.expect('(')
    const parameters = this.#parameters(tag)
    tag.expect(')')
    tag.end()
    const statement = this.#bodyTo('endmacro')
    return (scope) => {
      const call = (given: Arguments, rendering: Rendering) => {
        const inner = scope.inner()
        for (const [at, [parameter, otherwise]] of parameters.entries()) {
          inner.set(
            parameter,
            given.has(at, parameter) ? given.at(at, parameter) : otherwise?.(inner),
          )
        }
        return rendering.deeper(() => textOfBody(statement, inner))
      }
      return void scope.set(name, new Macro(call))
    }
  }
}

/** With which the tokens of each tag end. */
const endOfTag: TemplateToken = { kind: 'end', text: '' }

function wordOf(segment: Segment): string {
  if (segment.kind !== 'block') return ''
  const [first = endOfTag] = segment.tokens
  return first.text
}

/** The macro that a segment defines: it may be called before, as far as reading goes. */
function macroNameIn(segment: Segment): string[] {
  const name = segment.kind === 'block' ? segment.tokens[1]?.text : undefined
  return wordOf(segment) === 'macro' && name !== undefined ? [name] : []
}

function inOrder(statements: readonly Statement[]): Statement {
  const [only] = statements
  if (statements.length === 1 && only !== undefined) return only
  return (scope, output) => {
    for (const statement of statements) {
      const ending = statement(scope, output)
      if (ending !== undefined) return ending
    }
    return undefined
  }
}

function textOfBody(statement: Statement, scope: Scope): string {
  const output = new Output()
  statement(scope, output)
  return output.text
}

/** One name gets all of `value`, several get an item each. @throws TemplateError when there are more or fewer. */
function assigned(names: readonly string[], value: unknown): [name: string, value: unknown][] {
  const [only] = names
  if (names.length === 1 && only !== undefined) return [[only, value]]
  const items = itemsIn(value)
  if (items?.length !== names.length)
    throw new TemplateError(`expected ${names.length} values to set`)
  return names.map((name, at) => [name, items[at]])
}

/** Only a namespace can be changed: other values may be shared. */
function setPart(target: unknown, name: string, value: unknown): undefined {
  if (!(target instanceof Namespace))
    throw new TemplateError('expected a namespace to set a part of')
  target.values.set(name, value)
}

/** What `loop` is in one round of so many. */
function roundOf(at: number, length: number): Readonly<Record<string, unknown>> {
  return {
    index: at + 1,
    index0: at,
    revindex: length - at,
    revindex0: length - at - 1,
    first: at === 0,
    last: at === length - 1,
    length,
  }
}
