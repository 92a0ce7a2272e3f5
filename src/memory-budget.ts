import { totalmem } from 'node:os'
import type { Config } from './generated/config.ts'

type Limits = Config['limits']

const mebibyte = 1024 * 1024

/** What the hub takes of its machine unless told otherwise, and at least. */
const usual = { share: 1 / 4, leastMiB: 512 }

/**
 * `limits` as the hub keeps them: the budget of memory in place of what stands for a part of the
 * machine, and nothing that is kept beyond its share of that budget.
 */
export function withinBudget(limits: Limits, machineBytes = memoryBytes()): Limits {
  const { memory, retained, sessions } = limits
  const machineMiB = Math.floor((machineBytes * usual.share) / mebibyte)
  const mib = memory.mib === 0 ? Math.max(usual.leastMiB, machineMiB) : memory.mib
  const atMost = (bytes: number, share: number) => Math.min(bytes, mib * mebibyte * share)
  return {
    ...limits,
    memory: { mib, inboundMiB: Math.min(memory.inboundMiB, Math.ceil(mib / 8)) },
    retained: { ...retained, totalBytes: atMost(retained.totalBytes, 1 / 2) },
    sessions: { ...sessions, totalBytes: atMost(sessions.totalBytes, 1 / 8) },
  }
}

/** Of the machine, or of the container in it. */
function memoryBytes(): number {
  const machine = totalmem()
  const container = process.constrainedMemory()
  // Where nothing is constrained, some systems say 0, and others more than there is.
  return container > 0 ? Math.min(machine, container) : machine
}
