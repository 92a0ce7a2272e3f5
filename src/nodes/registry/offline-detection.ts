/** How often devices report, and whether a node is there by that, when nobody sees its connection. */
import { type Clock, nextTurn } from '../../core/clock.ts'
import type { KnownDevice, KnownNode, Online } from './device-table.ts'

/** So many intervals between the reports of a device are remembered. */
const rememberedIntervals = 8

/** One or two intervals tell nothing yet: a node may tell all it knows twice when it starts. */
const fewestIntervals = 3

/**
 * Reports that come closer together were kept back on their way, by the node, the net or a stall of
 * our own, and say nothing about how often it reports. The fastest publish-interval of the model is 100 ms.
 */
const togetherMs = 50

/** After so many report intervals without a report something is wrong. */
const silentIntervals = 3

/** `intervalsMs` with one more; only the latest are kept. */
export function withInterval(
  intervalsMs: readonly number[],
  intervalMs: number,
): readonly number[] {
  if (intervalMs < togetherMs) return intervalsMs
  return [...intervalsMs, intervalMs].slice(-rememberedIntervals)
}

/** The median of the intervals: how often a report is to be expected; undefined of too few. */
export function reportIntervalOf(intervalsMs: readonly number[]): number | undefined {
  if (intervalsMs.length < fewestIntervals) return undefined
  const sorted = [...intervalsMs].sort((one, other) => one - other)
  const middle = sorted.length / 2
  const [low = 0, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1)
  return (low + high) / 2
}

/** These measure, but report when something moves, and not by the clock. */
const unsteadyKinds: ReadonlySet<string> = new Set(['pir'])

/** How often a device is expected to report, in milliseconds; undefined when it is not expected to. */
export function expectedIntervalOf({ role, kind, intervalsMs }: KnownDevice): number | undefined {
  const isSteady = role === 'sensor' && !unsteadyKinds.has(kind)
  return isSteady ? reportIntervalOf(intervalsMs) : undefined
}

/** No node is offline that was heard within three of these. */
const leastIntervalMs = 1000

/** A node without a report interval may be as silent as it likes, but for so long we know that it is there. */
const knownForMs = 5 * 60_000

/** Whether a node is there, by when it was heard last and how often it is to be expected. */
export function onlineByReports(node: KnownNode, nowMs: number): Online {
  if (node.heard === undefined || node.heard.isRestored) return null
  const silentMs = nowMs - node.heard.nowMs
  if (silentMs <= silentIntervals * leastIntervalMs) return true
  const intervalMs = shortestReportInterval(node, node.heard.nowMs)
  if (intervalMs === undefined) return silentMs > knownForMs ? null : true
  return silentMs <= silentIntervals * intervalMs
}

/** Of the sensors that were not stale when the node was heard last: a dead one promises nothing. */
function shortestReportInterval({ devices }: KnownNode, heardMs: number): number | undefined {
  let shortest: number | undefined
  for (const device of devices.values()) {
    const { reportIntervalMs } = device
    if (reportIntervalMs === undefined || isStale(device, heardMs)) continue
    if (shortest === undefined || reportIntervalMs < shortest) shortest = reportIntervalMs
  }
  return shortest
}

/** Whether a device should have reported three times since it did. */
export function isStale({ reportIntervalMs, heard }: KnownDevice, nowMs: number): boolean {
  if (reportIntervalMs === undefined || heard === undefined) return false
  return nowMs - heard.nowMs > silentIntervals * reportIntervalMs
}

interface OfflineDetectionOptions {
  readonly clock: Pick<Clock, 'nowMs'>
  /** How often somebody looks, in milliseconds. */
  readonly everyMs: number
  /** Whether there is a node to be told offline. */
  isAnyNewlyOffline(): boolean
  settle(): void
}

/** A look that comes so much too late was kept back by a stall of our own. */
const lateMs = 500

interface OfflineDetection {
  look(): void
  close(): void
}

/**
 * Looks at all nodes. While we were busy, what nodes said waits to be read: so a late look decides
 * nothing, and any other looks again after the sockets were read.
 */
export function createOfflineDetection(options: OfflineDetectionOptions): OfflineDetection {
  const { clock, everyMs, isAnyNewlyOffline, settle } = options
  let lookedAtMs = clock.nowMs()
  let cancel: () => void = () => {}
  return {
    look: () => {
      const nowMs = clock.nowMs()
      const isLate = nowMs - lookedAtMs > everyMs + lateMs
      lookedAtMs = nowMs
      if (!isLate && isAnyNewlyOffline()) cancel = nextTurn(settle)
    },
    close: () => cancel(),
  }
}
