import type { WebSocket } from 'ws'
import type { SampledLog } from '../core/sampled-log.ts'

/** What a heartbeat needs of a websocket. */
export type Pinged = Pick<WebSocket, 'ping' | 'terminate' | 'isPaused'>

export interface HeartbeatOptions {
  readonly limits: { readonly pingSeconds: number; readonly pongSeconds: number }
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** Pings every websocket of a hub, and cuts those that do not answer. */
export interface Heartbeat {
  /**
   * Watches `websocket`, of which so many bytes have been read, until the answered `stop`; `alive` is to be
   * called for each pong.
   */
  watch(websocket: Pinged, readBytes: () => number): { alive(): void; stop(): void }
  /** What is due now; the interval calls it. */
  tick(): void
  close(): void
}

interface Pulse {
  pingAtMs: number
  /** Set while a pong is awaited. */
  deadlineMs: number | undefined
  readonly readBytes: () => number
  /** How many they were when the deadline was set. */
  readBefore: number
}

/** So many bytes tell as much as a pong, which has to wait for the end of a large message; fewer may be a drip. */
const signOfLifeBytes = 16 * 1024

const tickMs = 1000

/** A tick that comes so late tells that the hub itself stood still, and could not hear anybody. */
const stallMs = 500

export function createHeartbeat({ limits, sampledLog, now }: HeartbeatOptions): Heartbeat {
  const clock = now ?? (() => performance.now())
  const pulses = new Map<Pinged, Pulse>()
  const pingMs = limits.pingSeconds * 1000
  const pongMs = limits.pongSeconds * 1000
  let lastTickMs = clock()
  const beat = (websocket: Pinged, pulse: Pulse, nowMs: number) => {
    const readBytes = pulse.readBytes()
    const isHeard = readBytes - pulse.readBefore >= signOfLifeBytes
    if (pulse.deadlineMs !== undefined && isHeard) {
      Object.assign(pulse, { deadlineMs: nowMs + pongMs, readBefore: readBytes })
    } else if (pulse.deadlineMs !== undefined && nowMs >= pulse.deadlineMs) {
      sampledLog.warn('websocket-no-pong', {}, 'a websocket does not answer pings: it is cut')
      pulses.delete(websocket)
      websocket.terminate()
    } else if (pulse.deadlineMs === undefined && nowMs >= pulse.pingAtMs) {
      const deadlineMs = nowMs + pongMs
      Object.assign(pulse, { pingAtMs: nowMs + pingMs, deadlineMs, readBefore: readBytes })
      websocket.ping()
    }
  }
  const tick = () => {
    const nowMs = clock()
    const hasStalled = nowMs - lastTickMs > tickMs + stallMs
    lastTickMs = nowMs
    for (const [websocket, pulse] of pulses) {
      // Whom we do not hear for reasons of our own is not cut for it.
      const isUnheard = hasStalled || websocket.isPaused
      if (isUnheard && pulse.deadlineMs !== undefined) pulse.deadlineMs = nowMs + pongMs
      beat(websocket, pulse, nowMs)
    }
  }
  const interval = setInterval(tick, tickMs).unref()
  return {
    watch: (websocket, readBytes) => {
      const pingAtMs = clock() + pingMs
      const pulse: Pulse = { pingAtMs, deadlineMs: undefined, readBytes, readBefore: 0 }
      pulses.set(websocket, pulse)
      return {
        alive: () => {
          pulse.deadlineMs = undefined
        },
        stop: () => pulses.delete(websocket),
      }
    },
    tick,
    close: () => clearInterval(interval),
  }
}
