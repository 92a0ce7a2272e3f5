import { appendFile, type FileHandle, open, rename } from 'node:fs/promises'
import { systemCodeOf } from '../../core/errors.ts'

export interface RotatedFileOptions {
  /** Where the file is, and where those put aside go, the newest first. */
  readonly paths: readonly [string, ...string[]]
  /** Past so many bytes the file is put aside, and a new one begun. */
  readonly maxBytes: number
}

/** A file of lines, for its owner only, that is only ever added to, and those that were put aside. */
export interface RotatedFile {
  /** Adds whole lines. To be called again when it has ended, well or not. */
  append(lines: string): Promise<void>
  /** Opens all that are there, the newest first, and adds them to `files`. */
  openAll(files: FileHandle[]): Promise<void>
}

export function openRotatedFile({ paths, maxBytes }: RotatedFileOptions): RotatedFile {
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
