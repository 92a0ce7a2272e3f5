import { readFileSync } from 'node:fs'

/** How many files and sockets this process may have open; Infinity where the system does not say. */
export function maxOpenFiles(limitsFile = '/proc/self/limits'): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync(limitsFile, 'utf8')) ?? []
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    // Only Linux has this file.
    return Number.POSITIVE_INFINITY
  }
}
