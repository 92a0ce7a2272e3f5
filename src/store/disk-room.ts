import { randomBytes } from 'node:crypto'
import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { every } from '../core/clock.ts'
import { reasonOf } from '../core/errors.ts'
import { detached, whenAborted } from '../core/guard.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'

/** How a disk is filled. */
export interface DiskRoom {
  /** What this process may still write. */
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface DiskWatchOptions {
  readonly folder: string
  readonly limits: Pick<Config['limits']['store'], 'freeMiB' | 'freePercent'>
  readonly sampledLog: SampledLog
  /** Says why the folder cannot be used at all; undefined while it can. */
  lookAtFolder(): Promise<string | undefined>
  /** When it aborts, nobody waits for another look any more. */
  readonly ending: AbortSignal
  /** Called after each look but the first that found room, with how much there is to spare. */
  onRoom(spareBytes: number): void
  readonly readRoom?: (folder: string) => Promise<DiskRoom>
  readonly intervalMs?: number
}

/** How the disk of a folder is doing, as of the last look. */
export interface DiskWatch {
  /** Why nothing should be written now; undefined while there is room. */
  error(): string | undefined
  /** Resolves after the next look, or when the hub ends. */
  nextLook(): Promise<void>
  close(): void
}

const mebibyte = 1024 * 1024

/** Looks once, and then every second until it is closed, at what the disk of a folder has left. */
export async function watchDisk(options: DiskWatchOptions): Promise<DiskWatch> {
  const { folder, sampledLog, ending, readRoom = roomOf, intervalMs = 1000 } = options
  let low: string | undefined
  let gone: string | undefined
  const waiting: (() => void)[] = []
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  const look = async () => {
    const before = gone
    gone = await options.lookAtFolder()
    if (gone !== before) tellFolder(gone, sampledLog)
    return gone === undefined ? lookForRoom() : -1
  }
  const lookForRoom = async () => {
    const { freeBytes, totalBytes } = await readRoom(folder)
    const { freeMiB, freePercent } = options.limits
    const neededBytes = Math.min(freeMiB * mebibyte, (totalBytes * freePercent) / 100)
    const before = low
    low = freeBytes < neededBytes ? errorOf(freeBytes, neededBytes) : undefined
    if (before === undefined && low !== undefined) {
      sampledLog.warn('store-read-only', { reason: low }, 'the disk is low: what is written waits')
    } else if (before !== undefined && low === undefined) {
      sampledLog.warn('store-writable', {}, 'the disk has room again: what has waited is written')
    }
    return freeBytes - neededBytes
  }
  const lookSafely = async () => {
    try {
      return await look()
    } catch (error) {
      // What was read last holds until it can be read again.
      sampledLog.warn('disk-unknown', { reason: reasonOf(error) }, 'the disk cannot be looked at')
      return -1
    }
  }
  await lookSafely()
  let isLooking = false
  let isClosed = false
  const lookAgain = async () => {
    // A disk that hangs is not asked again meanwhile.
    if (isLooking) return
    isLooking = true
    const spareBytes = await lookSafely()
    isLooking = false
    if (spareBytes >= 0 && !isClosed) options.onRoom(spareBytes)
    wake()
  }
  const stop = every(intervalMs, () => detached(lookAgain()))
  const stopFollowing = whenAborted(ending, wake)
  return {
    error: () => gone ?? low,
    nextLook: () =>
      ending.aborted ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
    close: () => {
      isClosed = true
      stop()
      stopFollowing()
    },
  }
}

function tellFolder(reason: string | undefined, sampledLog: SampledLog): void {
  if (reason === undefined) sampledLog.warn('store-back', {}, 'the data folder is back')
  else sampledLog.warn('store-gone', { reason }, 'the data folder is gone: what is written waits')
}

async function roomOf(folder: string): Promise<DiskRoom> {
  const { bsize, bavail, blocks } = await statfs(folder)
  return { freeBytes: bsize * bavail, totalBytes: bsize * blocks }
}

function errorOf(freeBytes: number, neededBytes: number): string {
  const [free, needed] = [Math.floor(freeBytes / mebibyte), Math.ceil(neededBytes / mebibyte)]
  return `expected ${needed} MiB free on the disk of the data folder, got ${free} MiB`
}

/** What it is called since the first release. */
export const reserveFileName = 'ballast'

/** A file that only takes room, to be given up when a full disk has none left. */
export interface ReserveFile {
  /** Returns whether that has made room. */
  giveUp(): Promise<boolean>
  /** Takes the room again, when there is more than that to spare and it is not taken. */
  take(spareBytes: number): Promise<void>
  /** Waits for what is being taken. */
  close(): Promise<void>
}

interface ReserveFileOptions {
  readonly folder: string
  readonly bytes: number
  /** Nothing is taken any more when it aborts. */
  readonly ending: AbortSignal
}

const pieceBytes = 1024 * 1024

export function createReserveFile({ folder, bytes, ending }: ReserveFileOptions): ReserveFile {
  const path = join(folder, reserveFileName)
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

/** A disk with errors takes no changes at all, and nobody may end for the sake of the reserve. */
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
