import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Waits until the names in a folder are on disk, so that a file that was renamed has its new one. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
