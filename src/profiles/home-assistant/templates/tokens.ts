/** A template cut into plain text and tags, the tags into tokens: what Jinja calls its lexer. */
import { floatOf, TemplateError } from './values.ts'

export interface TemplateToken {
  readonly kind: 'name' | 'text' | 'number' | 'sign' | 'end'
  /** As it is written; of a text, what it says. */
  readonly text: string
  /** Of a number, which. */
  readonly value?: unknown
}

/** A piece of a template: text as it stands, `{{ … }}` to print, or `{% … %}` to do. */
export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print' | 'block'; readonly tokens: readonly TemplateToken[] }

/** Two characters, the sign of white space to be cut, and of `raw` all of its tag. */
const opening = /\{(?:\{|%|#)[-+]?/g
const rawOpening = /\{%[-+]?\s{0,100}raw\s{0,100}[-+]?%\}/y
const rawClosing = /\{%[-+]?\s{0,100}endraw\s{0,100}[-+]?%\}/g

const spaces = /\s+/y
const name = /[A-Za-z_]\w*/y
const string = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy
const prefixed = /0(?:x[\da-f_]+|b[01_]+|o[0-7_]+)/iy
const decimal = /\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?/iy
const index = /\d+/y
const sign = /\*\*|\/\/|==|!=|<=|>=|[-+*/%~<>=()[\]{}.,:|]/y

/** @throws TemplateError for what is no template. */
export function segmentsOf(source: string): readonly Segment[] {
  const reader = new SegmentReader(source)
  return reader.read()
}

class SegmentReader {
  readonly #source: string
  readonly #segments: Segment[] = []
  #at = 0
  /** Whether the tag before cuts the white space that follows it. */
  #cutsNext = false

  constructor(source: string) {
    this.#source = source
  }

  read(): readonly Segment[] {
    while (this.#at < this.#source.length) {
      opening.lastIndex = this.#at
      const found = opening.exec(this.#source)
      const end = found?.index ?? this.#source.length
      this.#text(this.#source.slice(this.#at, end), found?.[0].endsWith('-') ?? false)
      this.#at = end
      if (found !== null) this.#tag(found[0])
    }
    return this.#segments
  }

  #text(text: string, cutsEnd: boolean): void {
    const start = this.#cutsNext ? text.trimStart() : text
    const kept = cutsEnd ? start.trimEnd() : start
    this.#cutsNext = false
    if (kept !== '') this.#segments.push({ kind: 'text', text: kept })
  }

  #tag(opener: string): void {
    const start = this.#at
    this.#at += opener.length
    if (opener.startsWith('{#')) this.#skipTo('#}')
    else if (opener.startsWith('{{')) this.#tokens('print', '}}')
    else if (this.#take(rawOpening, start) !== undefined) this.#raw()
    else this.#tokens('block', '%}')
  }

  #skipTo(closer: string): void {
    const end = this.#source.indexOf(closer, this.#at)
    if (end === -1) throw new TemplateError(`expected ${closer}, got the end of the template`)
    this.#cutsNext = this.#source[end - 1] === '-'
    this.#at = end + closer.length
  }

  #raw(): void {
    rawClosing.lastIndex = this.#at
    const found = rawClosing.exec(this.#source)
    if (found === null)
      throw new TemplateError('expected {% endraw %}, got the end of the template')
    this.#text(this.#source.slice(this.#at, found.index), found[0].startsWith('{%-'))
    this.#cutsNext = found[0].endsWith('-%}')
    this.#at = found.index + found[0].length
  }

  #tokens(kind: 'print' | 'block', closer: string): void {
    const tokens: TemplateToken[] = []
    const open: string[] = []
    for (;;) {
      this.#take(spaces, this.#at)
      if (open.length === 0 && this.#closes(closer)) break
      const token = this.#token(tokens.at(-1)?.text === '.')
      matchBrackets(open, token)
      tokens.push(token)
    }
    this.#segments.push({ kind, tokens: [...tokens, { kind: 'end', text: closer }] })
  }

  #closes(closer: string): boolean {
    const [, cut] = [this.#at, this.#source[this.#at] === '-']
    const at = this.#at + (cut ? 1 : 0)
    if (!this.#source.startsWith(closer, at)) return false
    this.#cutsNext = cut
    this.#at = at + closer.length
    return true
  }

  #token(isAfterPoint: boolean): TemplateToken {
    const word = this.#take(name, this.#at)
    if (word !== undefined) return { kind: 'name', text: word }
    const quoted = this.#take(string, this.#at)
    if (quoted !== undefined) return { kind: 'text', text: unquoted(quoted) }
    const digits = isAfterPoint
      ? this.#take(index, this.#at)
      : (this.#take(prefixed, this.#at) ?? this.#take(decimal, this.#at))
    if (digits !== undefined) return { kind: 'number', text: digits, value: numberIn(digits) }
    const operator = this.#take(sign, this.#at)
    if (operator !== undefined) return { kind: 'sign', text: operator }
    const rest = this.#source.slice(this.#at, this.#at + 20)
    throw new TemplateError(
      rest === ''
        ? 'expected a tag to be closed, got the end'
        : `expected an expression, got ${JSON.stringify(rest)}`,
    )
  }

  /** What `pattern` matches at `at`, which is taken; undefined when it does not. */
  #take(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at
    const [found] = pattern.exec(this.#source) ?? []
    if (found !== undefined) this.#at = at + found.length
    return found
  }
}

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** Keeps which brackets are open, so that `}}` ends no dict in a dict. */
function matchBrackets(open: string[], { kind, text }: TemplateToken): void {
  if (kind !== 'sign') return
  const closer = closers[text]
  if (closer !== undefined) open.push(closer)
  else if (text === ')' || text === ']' || text === '}') {
    if (open.pop() !== text) throw new TemplateError(`expected no ${text} that closes nothing`)
  }
}

const escaped: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  '0': '\0',
}

const escapeForm = /\\(?:(x[\da-f]{2}|u[\da-f]{4})|(.))/gis

function unquoted(text: string): string {
  return text.slice(1, -1).replace(escapeForm, (_, ...[code, plain = '']) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return escaped[plain] ?? (`\\'"\n`.includes(plain) ? plain : `\\${plain}`)
  })
}

function numberIn(text: string): unknown {
  const digits = text.replaceAll('_', '')
  const value = Number(digits)
  return /^\d+$/.test(digits) || /^0[xob]/i.test(digits) ? value : floatOf(value)
}

const endOfTokens: TemplateToken = { kind: 'end', text: '' }

/** The tokens of one tag, read from left to right. */
export class TokenReader {
  readonly #tokens: readonly TemplateToken[]
  #at = 0

  constructor(tokens: readonly TemplateToken[]) {
    this.#tokens = tokens
  }

  /** Whether the next token is this name or sign. */
  peek(text: string): boolean {
    const { kind, text: next } = this.next()
    return (kind === 'name' || kind === 'sign') && next === text
  }

  /** Takes this name or sign where it is next, and says whether it was. */
  take(text: string): boolean {
    const isNext = this.peek(text)
    if (isNext) this.#at++
    return isNext
  }

  /** @throws TemplateError when something else is next. */
  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(text)
  }

  /** @throws TemplateError when no name is next. */
  name(): string {
    const { kind, text } = this.next()
    if (kind !== 'name') throw this.unexpected('a name')
    this.#at++
    return text
  }

  /** Several names with commas between, such as `key, value`. */
  names(): string[] {
    const isEnclosed = this.take('(')
    const names = [this.name()]
    while (this.take(',')) names.push(this.name())
    if (isEnclosed) this.expect(')')
    return names
  }

  isAtEnd(): boolean {
    return this.next().kind === 'end'
  }

  /** @throws TemplateError when the tag goes on. */
  end(): void {
    if (!this.isAtEnd()) throw this.unexpected('the end of the tag')
  }

  /** The token that is next, or so many behind it. */
  protected next(ahead = 0): TemplateToken {
    const [token = endOfTokens] = this.#tokens.slice(this.#at + ahead)
    return token
  }

  protected skip(count = 1): void {
    this.#at += count
  }

  protected unexpected(expected: string): TemplateError {
    return new TemplateError(`expected ${expected}, got ${JSON.stringify(this.next().text)}`)
  }
}
