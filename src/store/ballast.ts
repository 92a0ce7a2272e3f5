import { randomBytes } from 'node:crypto'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A file that only takes room, to be given up when a full disk has none left. */
export interface Ballast {
  /** Answers whether that has made room. */
  giveUp(): Promise<boolean>
  /** Takes the room again, when there is more than that to spare and it is not taken. */
  take(spareBytes: number): Promise<void>
  /** Waits for what is being taken. */
  close(): Promise<void>
}

export interface BallastOptions {
  readonly folder: string
  readonly bytes: number
  /** Nothing is taken any more when it aborts. */
  readonly ending: AbortSignal
}

const pieceBytes = 1024 * 1024

export function createBallast({ folder, bytes, ending }: BallastOptions): Ballast {
  const path = join(folder, 'ballast')
  let taking: Promise<void> | undefined
  const write = async () => {
    try {
      if ((await sizeOf(path)) >= bytes) return
      await writeFile(path, pieces(bytes), { mode: 0o600, signal: ending })
    } catch {
      // There was less room than it seemed, or the hub ends.
      await isRemoved(path)
    }
  }
  return {
    giveUp: async () => {
      await taking
      const size = await sizeOf(path)
      return (await isRemoved(path)) && size > 0
    },
    take: async (spareBytes) => {
      if (spareBytes < bytes) return
      taking ??= write().finally(() => {
        taking = undefined
      })
      await taking
    },
    close: async () => taking,
  }
}

/** Bytes that no file system can make smaller than they are. */
function* pieces(bytes: number): Generator<Buffer> {
  const piece = randomBytes(pieceBytes)
  for (let left = bytes; left > 0; left -= pieceBytes) yield piece.subarray(0, left)
}

/** A disk with errors takes no changes at all, and nobody may end for the sake of ballast. */
async function isRemoved(path: string): Promise<boolean> {
  try {
    await rm(path, { force: true })
    return true
  } catch {
    return false
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}
