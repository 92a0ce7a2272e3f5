/** One budget of memory for all of the hub, and what each of its parts may have of it. */
import { totalmem } from 'node:os'
import type { Config } from '../generated/config.ts'
import { createByteBudget, type NewShare } from './byte-budget.ts'

type Limits = Config['limits']

const mebibyte = 1024 * 1024

/** What the hub takes of its machine unless told otherwise, and at least. */
const usual = { share: 1 / 4, leastMiB: 512 }

/**
 * `limits` as the hub keeps them: the budget of memory in place of what stands for a part of the
 * machine, nothing that is kept beyond its share of that budget, and no buffer too small for two messages.
 */
export function withinBudget(limits: Limits, machineBytes = memoryBytes()): Limits {
  const { memory, mqtt, retained, sessions, websocket } = limits
  const machineMiB = Math.floor((machineBytes * usual.share) / mebibyte)
  const mib = memory.mib === 0 ? Math.max(usual.leastMiB, machineMiB) : memory.mib
  const mostMiB = (usual: number) => Math.min(usual, Math.ceil(mib / 8))
  const atMost = (bytes: number, share: number) => Math.min(bytes, mib * mebibyte * share)
  return {
    ...limits,
    memory: {
      mib,
      inboundMiB: mostMiB(memory.inboundMiB),
      outboundMiB: mostMiB(memory.outboundMiB),
    },
    websocket: {
      ...websocket,
      outboundBytes: roomForTwo(websocket.outboundBytes, websocket.messageBytes),
    },
    retained: { ...retained, totalBytes: atMost(retained.totalBytes, 1 / 2) },
    sessions: {
      ...sessions,
      bytes: roomForTwo(sessions.bytes, mqtt.publishBytes),
      totalBytes: atMost(sessions.totalBytes, 1 / 8),
    },
  }
}

/** What waits for one client has room for two of the largest messages in any case. */
function roomForTwo(bytes: number, messageBytes: number): number {
  return Math.max(bytes, 2 * messageBytes)
}

/** Of the machine, or of the container in it. */
function memoryBytes(): number {
  // Where nothing is constrained, some systems say 0, and others more than there is.
  return Math.min(...[totalmem(), process.constrainedMemory()].filter((bytes) => bytes > 0))
}

/** What each connection may hold of what comes and of what waits for it, whatever the others do. */
const freeBytes = { inbound: 256 * 1024, outbound: 1024 * 1024 }

/** What connections hold of the budget: what comes from them, and what waits for them. */
export interface ConnectionShares {
  readonly newInboundShare: NewShare
  readonly newOutboundShare: NewShare
  /** Of what is kept for those who come back. */
  readonly newRecoveryShare: NewShare
}

export function createConnectionShares(memory: Readonly<Limits['memory']>): ConnectionShares {
  const share = (mib: number, freeBytes: number) =>
    createByteBudget({ totalBytes: mib * mebibyte, freeBytes })
  return {
    newInboundShare: share(memory.inboundMiB, freeBytes.inbound),
    newOutboundShare: share(memory.outboundMiB, freeBytes.outbound),
    newRecoveryShare: share(memory.mib / 16, 0),
  }
}
