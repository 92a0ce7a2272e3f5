import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { afterwards } from '../../core/clock.ts'
import { reasonOf } from '../../core/errors.ts'
import { linesBackwards, openRotatedFile, pathsOf } from '../../core/rotated-file.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { AuditLines } from './audit-log.ts'

interface AuditFileOptions {
  /** The data folder, which is there. */
  readonly folder: string
  readonly sampledLog: SampledLog
  /** For tests. */
  readonly maxBytes?: number
}

const mebibyte = 1_048_576

/**
 * Lines in `commands.ndjson`, and in the three files of 16 MiB before it. What comes together is written before the event
 * loop goes on, and so before any node hears of it: what a kill leaves has them all.
 */
export function openAuditFile(options: AuditFileOptions): AuditLines {
  const { folder, sampledLog, maxBytes = 16 * mebibyte } = options
  const file = openRotatedFile({ paths: pathsOf(join(folder, 'commands.ndjson')), maxBytes })
  let waiting = ''
  const failed = (error: unknown) => {
    const fields = { reason: reasonOf(error) }
    sampledLog.warn('audit-failed', fields, 'commands were not written to the audit log')
  }
  const flush = () => {
    const lines = waiting
    waiting = ''
    if (lines === '') return
    try {
      file.append(lines)
    } catch (error) {
      failed(error)
    }
  }
  return {
    append: (line) => {
      if (waiting === '') afterwards(flush)
      waiting += `${line}\n`
    },
    synced: async () => {
      flush()
      await file.sync().catch(failed)
    },
    remove: async (fits) => {
      flush()
      file.rewrite((lines) => lines.filter((line) => !fits(line)))
    },
    newestFirst: async function* () {
      flush()
      const files = file.openAll()
      try {
        for (const each of files) yield* linesBackwards(each)
      } finally {
        for (const each of files) closeSync(each)
      }
    },
    close: async () => {
      flush()
      file.close()
    },
  }
}
