/** How a text differs from the one before, line by line. */

export interface DifferentLine {
  readonly text: string
  readonly is: 'same' | 'new' | 'gone'
}

/** Past this it would take longer to compare than to read. */
const mostLines = 400

/** The lines of `after`, and those of `before` that are gone where they were: by their longest common subsequence. */
export function differenceOf(before: string, after: string): DifferentLine[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  if (old.length > mostLines || now.length > mostLines) {
    return now.map((text) => ({ text, is: 'same' }))
  }
  const common = commonLengths(old, now)
  const lengthAt = (row: number, column: number) => common[row]?.[column] ?? -1
  const stepAt = (row: number, column: number) => {
    const isSame = row < old.length && column < now.length && old[row] === now[column]
    if (isSame) return 'same'
    return lengthAt(row + 1, column) >= lengthAt(row, column + 1) ? 'gone' : 'new'
  }
  const lines: DifferentLine[] = []
  for (let row = 0, column = 0; row < old.length || column < now.length; ) {
    const is = stepAt(row, column)
    lines.push({ text: (is === 'new' ? now[column] : old[row]) ?? '', is })
    row += Number(is !== 'new')
    column += Number(is !== 'gone')
  }
  return lines
}

/** By two places: how many lines both have in common from there on. */
function commonLengths(one: readonly string[], other: readonly string[]): number[][] {
  let below = new Array<number>(other.length + 1).fill(0)
  const lengths = [below]
  for (const text of one.toReversed()) {
    const here = new Array<number>(other.length + 1).fill(0)
    for (let column = other.length - 1; column >= 0; column--) {
      const diagonal = (below[column + 1] ?? 0) + 1
      const longest = Math.max(below[column] ?? 0, here[column + 1] ?? 0)
      here[column] = text === other[column] ? diagonal : longest
    }
    lengths.push(here)
    below = here
  }
  return lengths.reverse()
}

/** Bytes in base64 as people who look at bytes want them: place, sixteen of them, and what of it is text. */
export function hexDump(base64: string): string {
  const bytes = [...atob(base64)].map((character) => character.charCodeAt(0))
  const rows: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16)
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.'))
    rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text.join('')}`)
  }
  return rows.join('\n')
}
