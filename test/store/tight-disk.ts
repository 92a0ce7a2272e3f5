import type { Test } from 'tap'
import type { DiskRoom } from '../../src/store/disk-room.ts'
import { createInbox } from '../inbox.ts'

const mebibyte = 1024 * 1024

/** Below this much free, a disk of 100 MiB is low. */
const limits = { freeMiB: 8, freePercent: 50, waitingMiB: 1 }

/** A disk that has as much room as a test says, looked at a thousand times a second. */
export function tightDisk(t: Test, freeMiB: number) {
  const state: { freeMiB: number; gone?: string } = { freeMiB }
  const warnings = createInbox<string>()
  const ending = new AbortController()
  // The watch itself keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const readRoom = async (): Promise<DiskRoom> => {
    if (Number.isNaN(state.freeMiB)) throw new Error('the disk hangs')
    return { freeBytes: state.freeMiB * mebibyte, totalBytes: 100 * mebibyte }
  }
  const lookAtFolder = async () => state.gone
  const common = { limits, sampledLog: { warn: warnings.put }, ending: ending.signal }
  return { state, warnings, ending, options: { ...common, readRoom, lookAtFolder, intervalMs: 1 } }
}
