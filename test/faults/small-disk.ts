import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { systemCodeOf } from '../../src/core/errors.ts'
import { testFolder } from '../test-folder.ts'

export interface SmallDisk {
  readonly folder: string
  /** Writes a file until there is no room for another byte. */
  fill(): void
  /** Removes that file. */
  empty(): void
}

/** A file system in memory with so much room, unmounted at teardown; undefined where one may not mount. */
export function smallDisk(t: Test, mebibytes: number): SmallDisk | undefined {
  // The folder goes last when something else was to be undone before it was made.
  let mounted: string | undefined
  t.teardown(() => {
    if (mounted !== undefined) execFileSync('umount', ['--lazy', mounted])
  })
  const folder = join(testFolder(t, { disk: {} }), 'disk')
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder]
    execFileSync('mount', options, { stdio: 'ignore' })
  } catch {
    return undefined
  }
  mounted = folder
  const filler = join(folder, 'filler')
  return {
    folder,
    fill: () => {
      for (const bytes of [1024 * 1024, 4096]) fillBy(filler, Buffer.alloc(bytes))
    },
    empty: () => rmSync(filler),
  }
}

function fillBy(path: string, piece: Buffer): void {
  try {
    for (;;) writeFileSync(path, piece, { flag: 'a' })
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOSPC') throw error
  }
}
