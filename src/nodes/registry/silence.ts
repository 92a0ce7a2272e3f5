/** What the silence of a node tells, when nobody sees its connection. */
import type { Clock } from '../../core/clock.ts'
import type { KnownDevice, KnownNode, Online } from './device-table.ts'
import { silentRhythms } from './rhythm.ts'

/** No silence is long that is shorter than three of these. */
const shortestRhythmMs = 1000

/** A node without a rhythm may be as silent as it likes, but for so long we know that it is there. */
const knownForMs = 5 * 60_000

/** Whether a node is there, by when it was heard last and how often it is to be expected. */
export function onlineBySilence(node: KnownNode, nowMs: number): Online {
  if (node.heard === undefined || node.heard.isRestored) return null
  const silentMs = nowMs - node.heard.nowMs
  if (silentMs <= silentRhythms * shortestRhythmMs) return true
  const rhythmMs = fastestRhythm(node, node.heard.nowMs)
  if (rhythmMs === undefined) return silentMs > knownForMs ? null : true
  return silentMs <= silentRhythms * rhythmMs
}

/** Of the sensors that were not stale when the node was heard last: a dead one promises nothing. */
function fastestRhythm({ devices }: KnownNode, heardMs: number): number | undefined {
  let fastest: number | undefined
  for (const device of devices.values()) {
    const { rhythmMs } = device
    if (rhythmMs === undefined || isStale(device, heardMs)) continue
    if (fastest === undefined || rhythmMs < fastest) fastest = rhythmMs
  }
  return fastest
}

/** Whether a device should have reported three times since it did. */
export function isStale({ rhythmMs, heard }: KnownDevice, nowMs: number): boolean {
  if (rhythmMs === undefined || heard === undefined) return false
  return nowMs - heard.nowMs > silentRhythms * rhythmMs
}

export interface SilenceWatchOptions {
  readonly clock: Pick<Clock, 'nowMs'>
  /** How often somebody looks, in milliseconds. */
  readonly everyMs: number
  /** Whether there is a node to be told offline. */
  isAnySilent(): boolean
  settle(): void
}

/** A look that comes so much too late was kept back by a stall of our own. */
const lateMs = 500

export interface SilenceWatch {
  look(): void
  close(): void
}

/**
 * Looks at all nodes. While we were busy, what nodes said waits to be read: so a late look decides
 * nothing, and any other looks again after the sockets were read.
 */
export function createSilenceWatch(options: SilenceWatchOptions): SilenceWatch {
  const { clock, everyMs, isAnySilent, settle } = options
  let lookedAtMs = clock.nowMs()
  let again: NodeJS.Immediate | undefined
  return {
    look: () => {
      const nowMs = clock.nowMs()
      const isLate = nowMs - lookedAtMs > everyMs + lateMs
      lookedAtMs = nowMs
      if (!isLate && isAnySilent()) again = setImmediate(settle)
    },
    close: () => clearImmediate(again),
  }
}
