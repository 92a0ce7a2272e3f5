import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf } from '../../core/errors.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { AuditLines } from './audit-lines.ts'
import { linesBackwards } from './lines-backwards.ts'
import { openRotatedFile } from './rotated-file.ts'

export interface AuditFileOptions {
  /** The data folder, which is there. */
  readonly folder: string
  readonly sampledLog: SampledLog
  /** For tests. */
  readonly maxBytes?: number
}

const mebibyte = 1_048_576

/** Characters that may wait for a slow disk. */
const maxWaiting = mebibyte

/** Lines in `commands.ndjson`, and in the three files of 16 MiB before it. */
export function openAuditFile(options: AuditFileOptions): AuditLines {
  const { folder, sampledLog, maxBytes = 16 * mebibyte } = options
  const path = join(folder, 'commands.ndjson')
  const file = openRotatedFile({ paths: [path, `${path}.1`, `${path}.2`, `${path}.3`], maxBytes })
  let waiting = ''
  let working = Promise.resolve()
  const failed = (reason: string) =>
    sampledLog.warn('audit-failed', { reason }, 'commands were not written to the audit log')
  const flush = async () => {
    const lines = waiting
    waiting = ''
    if (lines === '') return
    await file.append(lines).catch((error: unknown) => failed(reasonOf(error)))
  }
  /** Writes what waits, and then calls `act`, before anything that is added later is written. */
  const inOrder = (act?: () => Promise<void>): Promise<void> => {
    const done = working.then(flush).then(act)
    working = done.catch(() => {})
    return done
  }
  return {
    append: (line) => {
      const isFirst = waiting === ''
      if (waiting.length + line.length > maxWaiting) failed('the disk is too slow')
      else waiting += `${line}\n`
      if (isFirst) void inOrder()
    },
    newestFirst: async function* () {
      const files: FileHandle[] = []
      try {
        await inOrder(() => file.openAll(files))
        for (const each of files) yield* linesBackwards(each)
      } finally {
        await Promise.all(files.map((each) => each.close()))
      }
    },
    close: () => inOrder(),
  }
}
