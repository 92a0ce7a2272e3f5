/** Files of lines that never grow past a bound: what somebody may want to read who comes later. */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsyncSync,
  openSync,
  read,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { systemCodeOf } from './errors.ts'

type Paths = readonly [string, ...string[]]

/** A file, and three that were put aside before it. */
export function pathsOf(path: string): Paths {
  return [path, `${path}.1`, `${path}.2`, `${path}.3`]
}

interface RotatedFileOptions {
  /** Where the file is, and where those put aside go, the newest first. */
  readonly paths: Paths
  /** Past so many bytes the file is put aside, and a new one begun. */
  readonly maxBytes: number
}

/** A file of lines, for its owner only, that is only ever added to, and those that were put aside. */
interface RotatedFile {
  /** Adds whole lines. */
  append(lines: string): void
  /** Waits until all of them are on disk. */
  sync(): Promise<void>
  /**
   * Keeps of each file the lines that `keep` returns, the oldest file first. Who has one open reads it as it was. The
   * others wait meanwhile: it is for what is done once in a while.
   */
  rewrite(keep: (lines: string[]) => readonly string[]): void
  /** Opens all that are there, the newest first. */
  openAll(): number[]
  close(): void
}

/** A file that is open, and its bytes. */
interface Opened {
  readonly file: number
  size: number
}

export function openRotatedFile({ paths, maxBytes }: RotatedFileOptions): RotatedFile {
  const [path] = paths
  let opened: Opened | undefined
  const close = () => {
    if (opened !== undefined) closeSync(opened.file)
    opened = undefined
  }
  /** Not one that somebody has removed since. */
  const current = (): Opened => {
    if (opened !== undefined && fstatSync(opened.file).nlink === 0) close()
    opened ??= openToAdd(path)
    return opened
  }
  const add = (lines: string) => {
    const bytes = Buffer.from(lines)
    const { size } = current()
    if (size > 0 && size + bytes.length > maxBytes) {
      close()
      putAside(paths)
    }
    const to = current()
    for (let at = 0; at < bytes.length; ) at += writeSync(to.file, bytes, at)
    to.size += bytes.length
  }
  return {
    close,
    append: (lines) => {
      try {
        add(lines)
      } catch (error) {
        // A part may be in the file.
        close()
        throw error
      }
    },
    sync: async () => {
      if (opened !== undefined) await promisify(fdatasync)(opened.file)
    },
    rewrite: (keep) => {
      close()
      for (const each of paths.toReversed()) rewriteLines(each, keep)
    },
    openAll: () =>
      paths.flatMap((each) => {
        const file = ifThere(() => openSync(each, constants.O_RDONLY | constants.O_NOFOLLOW))
        return file === undefined ? [] : [file]
      }),
  }
}

/** What a kill has cut off stays a line of its own. A link, which somebody else has put there, is not followed. */
function openToAdd(path: string): Opened {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants
  const file = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  const { size } = fstatSync(file)
  const last = Buffer.alloc(1)
  if (size > 0) readSync(file, last, 0, 1, size - 1)
  const isWhole = size === 0 || last[0] === lineBreak
  return { file, size: isWhole ? size : size + writeSync(file, '\n') }
}

/** A kill leaves the file as it was, or as it is to be. */
function rewriteLines(path: string, keep: (lines: string[]) => readonly string[]): void {
  const text = ifThere(() => readFileSync(path, 'utf8'))
  if (text === undefined) return
  const lines = text.split('\n').filter((line) => line !== '')
  const kept = keep(lines)
  if (kept.length === lines.length) return
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants
  const file = openSync(`${path}.new`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  try {
    writeFileSync(file, kept.map((line) => `${line}\n`).join(''))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
}

/** Each file takes the name of the next older one; the oldest is gone. */
function putAside(paths: readonly string[]): void {
  for (let at = paths.length - 1; at > 0; at--) {
    ifThere(() => renameSync(String(paths[at - 1]), String(paths[at])))
  }
}

function ifThere<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const blockBytes = 65_536
const lineBreak = 0x0a

/** The lines of a file, the last one first, without holding more of it than a block and a line. */
export async function* linesBackwards(file: number) {
  let { size: position } = fstatSync(file)
  let rest = Buffer.alloc(0)
  while (position > 0) {
    const length = Math.min(blockBytes, position)
    position -= length
    const { buffer } = await promisify(read)(file, Buffer.alloc(length), 0, length, position)
    const bytes = Buffer.concat([buffer, rest])
    // What stands before the first line break may have begun in the block before.
    const end = position === 0 ? 0 : bytes.indexOf(lineBreak) + 1
    yield* bytes.subarray(end).toString('utf8').split('\n').reverse()
    rest = bytes.subarray(0, end)
  }
}
