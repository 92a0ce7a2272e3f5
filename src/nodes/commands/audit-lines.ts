/** Where the lines of the audit log are. */
export interface AuditLines {
  /** Adds a line. Never waits, never throws. */
  append(line: string): void
  /** All lines that were added before it was asked for, the newest first. */
  newestFirst(): AsyncIterable<string>
  /** Waits until all is written. */
  close(): Promise<void>
}

/** Enough for the beginnings and endings of 1,000 commands. */
const maxLines = 2000

/** The latest lines, in memory only. */
export function keepAuditLines(): AuditLines {
  const lines: string[] = []
  return {
    append: (line) => {
      if (lines.push(line) > maxLines) lines.shift()
    },
    newestFirst: async function* () {
      yield* lines.toReversed()
    },
    close: async () => {},
  }
}
