import type { Reading } from './load/meter.ts'

/** What a ratio is to be. */
export type Target = { readonly least: number } | { readonly most: number }

/** The hub and one peer, by the answer to one question. */
export interface Row {
  readonly question: string
  readonly hub: string
  readonly peer: string
  readonly theirs: string
  /** Hub : peer. */
  readonly ratio: number
  readonly target?: Target | undefined
}

const headings = ['question', 'hub', 'peer', 'theirs', 'hub : peer', 'target', '']

/** By the processor time of a server, which neighbours on the machine do not change as they do its speed. */
export function rowOfReadings(
  question: string,
  { hub, peer, theirs }: { readonly hub: Reading; readonly peer: string; readonly theirs: Reading },
  target?: Target,
): Row {
  const ratio = theirs.serverMicroseconds / hub.serverMicroseconds
  return { question, hub: told(hub), peer, theirs: told(theirs), ratio, target }
}

function told({ perSecond, serverMicroseconds, loadMicroseconds }: Reading): string {
  const rate =
    perSecond >= 1e6
      ? `${(perSecond / 1e6).toFixed(2)} M/s`
      : `${(perSecond / 1000).toFixed(1)} k/s`
  // A load that works harder than the server is what is measured.
  const isDoubtful = loadMicroseconds > serverMicroseconds
  return `${rate}, ${serverMicroseconds.toFixed(2)} µs${isDoubtful ? ' (load is slower)' : ''}`
}

export function isMet({ ratio, target }: Row): boolean | undefined {
  if (target === undefined) return undefined
  return 'least' in target ? ratio >= target.least : ratio <= target.most
}

function cellsOf(row: Row): string[] {
  const { question, hub, peer, theirs, ratio, target } = row
  const wanted =
    target === undefined
      ? ''
      : 'least' in target
        ? `≥ ${rounded(target.least)}`
        : `≤ ${rounded(target.most)}`
  const verdict = { true: 'met', false: 'missed', undefined: '' }[`${isMet(row)}`]
  return [question, hub, peer, theirs, ratio.toFixed(2), wanted, verdict]
}

/** A table in Markdown. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [headings, ...rows.map(cellsOf)]
  const widths = headings.map((_, at) =>
    Math.max(...lines.map((cells) => cells[at]?.length ?? 0), 3),
  )
  const lineOf = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => (cells[at] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const [first = [], ...rest] = lines
  return [lineOf(first), rule, ...rest.map(lineOf)].join('\n')
}

function rounded(value: number): string {
  return String(Number(value.toFixed(2)))
}
