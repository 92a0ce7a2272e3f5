import { appendFile, type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { reasonOf, systemCodeOf } from '../../core/errors.ts'
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

interface RotatedFileOptions {
  /** Where the file is, and where those put aside go, the newest first. */
  readonly paths: readonly [string, ...string[]]
  /** Past so many bytes the file is put aside, and a new one begun. */
  readonly maxBytes: number
}

/** A file of lines, for its owner only, that is only ever added to, and those that were put aside. */
interface RotatedFile {
  /** Adds whole lines. To be called again when it has ended, well or not. */
  append(lines: string): Promise<void>
  /** Opens all that are there, the newest first, and adds them to `files`. */
  openAll(files: FileHandle[]): Promise<void>
}

function openRotatedFile({ paths, maxBytes }: RotatedFileOptions): RotatedFile {
  const [path] = paths
  /** The bytes of the file; undefined while nobody has looked since something went wrong. */
  let size: number | undefined
  const add = async (lines: string) => {
    const end = size === undefined ? await endOf(path) : { size, isWhole: true }
    // What a kill has cut off stays a line of its own.
    const bytes = Buffer.from(end.isWhole ? lines : `\n${lines}`)
    const isFull = end.size > 0 && end.size + bytes.length > maxBytes
    if (isFull) await putAside(paths)
    await appendFile(path, bytes, { mode: 0o600 })
    return bytes.length + (isFull ? 0 : end.size)
  }
  return {
    append: async (lines) => {
      try {
        size = await add(lines)
      } catch (error) {
        // A part may be in the file.
        size = undefined
        throw error
      }
    },
    openAll: async (files) => {
      for (const each of paths) {
        const file = await ifThere(open(each, 'r'))
        if (file !== undefined) files.push(file)
      }
    },
  }
}

/** How long the file is, and whether it ends with a whole line. */
async function endOf(path: string): Promise<{ size: number; isWhole: boolean }> {
  const file = await ifThere(open(path, 'r'))
  if (file === undefined) return { size: 0, isWhole: true }
  try {
    const { size } = await file.stat()
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1))
    return { size, isWhole: size === 0 || buffer.toString() === '\n' }
  } finally {
    await file.close()
  }
}

/** Each file takes the name of the next older one; the oldest is gone. */
async function putAside(paths: readonly string[]): Promise<void> {
  for (let at = paths.length - 1; at > 0; at--) {
    await ifThere(rename(String(paths[at - 1]), String(paths[at])))
  }
}

async function ifThere<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const blockBytes = 65_536
const lineBreak = 0x0a

/** The lines of a file, the last one first, without holding more of it than a block and a line. */
async function* linesBackwards(file: Pick<FileHandle, 'stat' | 'read'>) {
  let { size: position } = await file.stat()
  let rest = Buffer.alloc(0)
  while (position > 0) {
    const length = Math.min(blockBytes, position)
    position -= length
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, position)
    const bytes = Buffer.concat([buffer, rest])
    // What stands before the first line break may have begun in the block before.
    const end = position === 0 ? 0 : bytes.indexOf(lineBreak) + 1
    yield* bytes.subarray(end).toString('utf8').split('\n').reverse()
    rest = bytes.subarray(0, end)
  }
}
