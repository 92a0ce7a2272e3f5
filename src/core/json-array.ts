/**
 * Cuts the text of a JSON array into the texts of its elements, unchanged: `20.10` stays `20.10`.
 * `arrayText` must be valid JSON and a non-empty array; parse it first.
 */
export function elementTexts(arrayText: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < arrayText.length; at++) {
    switch (arrayText[at]) {
      case '"':
        at = endOfString(arrayText, at)
        break
      case '[':
      case '{':
        depth++
        if (depth === 1) start = at + 1
        break
      case ',':
        if (depth !== 1) break
        elements.push(arrayText.slice(start, at).trim())
        start = at + 1
        break
      case ']':
      case '}':
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
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
