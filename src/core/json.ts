/** JSON: reading it, the shape it may have before anybody reads it, and the texts it is made of. */

import type { Config } from '../generated/config.ts'
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
export type JsonLimits = Readonly<Config['limits']['json']>

/**
 * Checks the shape of `text` in one pass that ends at the first excess. It never recurses, and it
 * does not check that the text is JSON: the parser does. Where that finds a list, what is returned are
 * the texts of its elements, unchanged: `20.10` stays `20.10`.
 *
 * @throws HubError `bad-frame` naming the rule.
 */
export function elementTexts(text: string, limits: JsonLimits): string[] {
  const cuts = cutsIn(text, limits)
  return cuts.slice(1).map((end, before) => text.slice(Number(cuts[before]) + 1, end).trim())
}

/** Whether the shape of `text` is within `limits`. */
export function keepsJsonShape(text: string, limits: JsonLimits): boolean {
  if (isTooSmallForExcess(text, limits)) return true
  try {
    cutsIn(text, limits)
    return true
  } catch {
    return false
  }
}

/** A unit of a text in UTF-8. */
const mostBytesOfUnit = 3

/** Most texts are so short, and have so few brackets, that nothing in them can be past a limit. */
function isTooSmallForExcess(text: string, limits: JsonLimits): boolean {
  const { depth, keys, arrayItems, stringBytes } = limits
  const most = Math.min(keys, arrayItems, stringBytes / mostBytesOfUnit)
  return text.length <= most && openersIn(text, depth) <= depth
}

/** How many brackets open, wherever they stand; past `most` they are not counted on. */
function openersIn(text: string, most: number): number {
  let count = 0
  for (const opener of ['{', '[']) {
    for (let at = text.indexOf(opener); at >= 0 && count <= most; count++) {
      at = text.indexOf(opener, at + 1)
    }
  }
  return count
}

/** What is open where a text is looked at. */
interface Shape {
  /** Of each open array and object, how it opens, and the commas it may still have. */
  readonly openers: number[]
  readonly commasLeft: number[]
  /** Where the outermost opens, its commas, and where it ends. */
  readonly cuts: number[]
}

function cutsIn(text: string, limits: JsonLimits): readonly number[] {
  const shape: Shape = { openers: [], commasLeft: [], cuts: [] }
  const endOf = hasPlainStrings(text, limits) ? nextQuote : endOfString
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    switch (code) {
      case characters.quote:
        at = endOf(text, at, limits.stringBytes)
        break
      case characters.comma:
        spendComma(shape, at, limits)
        break
      case characters.openArray:
      case characters.openObject:
        if (shape.openers.length === 0) shape.cuts.push(at)
        open(shape, code, limits)
        break
      case characters.closeArray:
      case characters.closeObject:
        if (shape.openers.length === 1) shape.cuts.push(at)
        shape.openers.pop()
        shape.commasLeft.pop()
        break
    }
  }
  return shape.cuts
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

function open({ openers, commasLeft }: Shape, code: number, limits: JsonLimits): void {
  if (openers.length === limits.depth) throw excess(`at most ${limits.depth} levels of nesting`)
  openers.push(code)
  commasLeft.push((code === characters.openArray ? limits.arrayItems : limits.keys) - 1)
}

function spendComma({ openers, commasLeft, cuts }: Shape, at: number, limits: JsonLimits): void {
  const left = commasLeft.pop()
  // Outside of everything a comma is an error that the parser finds.
  if (left === undefined) return
  if (openers.length === 1) cuts.push(at)
  if (left > 0) {
    commasLeft.push(left - 1)
    return
  }
  throw openers.at(-1) === characters.openArray
    ? excess(`arrays of at most ${limits.arrayItems} items`)
    : excess(`objects of at most ${limits.keys} keys`)
}

/** Whether each string ends with the next quote, and none is too long. */
function hasPlainStrings(text: string, { stringBytes }: JsonLimits): boolean {
  return text.length * mostBytesOfUnit <= stringBytes && !text.includes('\\')
}

/** As `endOfString`, of a text with plain strings. */
function nextQuote(text: string, start: number): number {
  const at = text.indexOf('"', start + 1)
  return at < 0 ? text.length : at
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
