/** JSON: reading it, the shape it may have before anybody reads it, and the texts it is made of. */
import { HubError } from './errors.ts'

/** What `json` says, a text or its bytes in UTF-8; undefined when it is no JSON. */
export function parseJson(json: string | Buffer): unknown {
  try {
    return JSON.parse(json.toString())
  } catch {
    return undefined
  }
}

/** Whether `value`, such as one read from JSON, is an object and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The field `name` of a JSON object; undefined where there is none. */
export function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** `T`, of which nothing can be changed at any depth. */
export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** Bounds of a JSON text, all checked before anybody parses it. */
export interface JsonLimits {
  /** Arrays and objects inside each other. */
  readonly depth: number
  /** Keys of one object. */
  readonly keys: number
  /** Bytes of one string in UTF-8, as it stands in the text. */
  readonly stringBytes: number
  /** Items of one array. */
  readonly arrayItems: number
}

/**
 * Checks the shape of `text` in one pass that ends at the first excess. It never recurses, and it
 * does not check that the text is JSON: the parser does.
 *
 * @throws HubError `bad-frame` naming the rule.
 */
export function checkJsonShape(text: string, limits: JsonLimits): void {
  /** For each open array and object, the commas it may still have. */
  const commasLeft: number[] = []
  const openers: number[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    switch (code) {
      case characters.quote:
        at = endOfString(text, at, limits.stringBytes)
        break
      case characters.comma:
        spendComma(commasLeft, openers, limits)
        break
      case characters.openArray:
      case characters.openObject:
        if (openers.length === limits.depth)
          throw excess(`at most ${limits.depth} levels of nesting`)
        openers.push(code)
        commasLeft.push((code === characters.openArray ? limits.arrayItems : limits.keys) - 1)
        break
      case characters.closeArray:
      case characters.closeObject:
        openers.pop()
        commasLeft.pop()
        break
    }
  }
}

/** Whether the shape of `text` is within `limits`. */
export function keepsJsonShape(text: string, limits: JsonLimits): boolean {
  try {
    checkJsonShape(text, limits)
    return true
  } catch {
    return false
  }
}

/** Those that JSON is built of, by their code. */
const characters = {
  quote: 0x22,
  comma: 0x2c,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const

function spendComma(commasLeft: number[], openers: number[], limits: JsonLimits): void {
  const left = commasLeft.pop()
  // Outside of everything a comma is an error that the parser finds.
  if (left === undefined) return
  if (left > 0) {
    commasLeft.push(left - 1)
    return
  }
  throw openers.at(-1) === characters.openArray
    ? excess(`arrays of at most ${limits.arrayItems} items`)
    : excess(`objects of at most ${limits.keys} keys`)
}

/** Where the closing quote of the string that opens at `start` stands, or where the text ends. */
function endOfString(text: string, start: number, maximumBytes: number): number {
  let bytes = 0
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === characters.quote) return at
    bytes += bytesOf(code)
    if (code === characters.backslash) {
      bytes++
      at++
    }
    if (bytes > maximumBytes) throw excess(`strings of at most ${maximumBytes} bytes`)
  }
  return text.length
}

/** Each half of a surrogate pair stands for two of its four bytes. */
function bytesOf(code: number): number {
  if (code < 0x80) return 1
  const isSurrogate = code >= 0xd800 && code < 0xe000
  return code < 0x800 || isSurrogate ? 2 : 3
}

function excess(rule: string): HubError {
  return new HubError('bad-frame', `expected ${rule} in JSON, got more`)
}

/**
 * Cuts the text of a JSON array into the texts of its elements, unchanged: `20.10` stays `20.10`.
 * `arrayText` must be valid JSON and a non-empty array; parse it first.
 */
export function elementTexts(arrayText: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < arrayText.length; at++) {
    switch (arrayText.charCodeAt(at)) {
      case characters.quote:
        at = closingQuote(arrayText, at)
        break
      case characters.openArray:
      case characters.openObject:
        depth++
        if (depth === 1) start = at + 1
        break
      case characters.comma:
        if (depth !== 1) break
        elements.push(arrayText.slice(start, at).trim())
        start = at + 1
        break
      case characters.closeArray:
      case characters.closeObject:
        depth--
        if (depth === 0) elements.push(arrayText.slice(start, at).trim())
        break
    }
  }
  return elements
}

/** The same in a text that is JSON. */
function closingQuote(text: string, start: number): number {
  let at = start + 1
  for (let code = text.charCodeAt(at); code !== characters.quote; code = text.charCodeAt(at)) {
    at += code === characters.backslash ? 2 : 1
  }
  return at
}
