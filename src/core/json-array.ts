import { characters } from './json-shape.ts'

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
        at = endOfString(arrayText, at)
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

/** Where the closing quote of the string that opens at `start` stands. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (let code = text.charCodeAt(at); code !== characters.quote; code = text.charCodeAt(at)) {
    at += code === characters.backslash ? 2 : 1
  }
  return at
}
