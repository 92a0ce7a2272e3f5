import type { FileHandle } from 'node:fs/promises'

const blockBytes = 65_536
const lineBreak = 0x0a

/** The lines of a file, the last one first, without holding more of it than a block and a line. */
export async function* linesBackwards(file: Pick<FileHandle, 'stat' | 'read'>) {
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
