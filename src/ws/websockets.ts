import type { IncomingMessage } from 'node:http'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { NewShare } from '../core/byte-budget.ts'
import { every, systemClock } from '../core/clock.ts'
import { systemCodeOf, tooLarge } from '../core/errors.ts'
import { guardEvents } from '../core/guard.ts'
import type { Handshake } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { closeCodes } from './close-codes.ts'
import { largestFrameBytes, readWholeMessages, WholeMessages } from './whole-messages.ts'

/**
 * Completes websocket handshakes and knows every websocket that is open. Besides its own events each emits
 * `excess`, with the HubError that says why, for a message that is too large and was read past; and
 * `fragments`, with their number, for those that cost more to look at than to send.
 */
export interface WebSockets {
  accept(handshake: Handshake, serve: (websocket: WebSocket) => void): void
  /** Tells every peer that the hub goes away, and waits for them, at most `closeGraceMs`. */
  close(): Promise<void>
}

const nothing = Buffer.alloc(0)

/** How long a peer has for its close frame, whoever began. */
const closeGraceMs = 1000

export interface WebSocketsOptions extends Pick<ServerOptions, 'handleProtocols'> {
  /** Bytes of one message, all its fragments together; undefined where messages carry a stream, in any pieces. */
  readonly messageBytes: number | undefined
}

export interface WebSocketsContext {
  readonly heartbeat: Heartbeat
  readonly sampledLog: SampledLog
  readonly newInboundShare: NewShare
}

export function createWebSockets(
  { messageBytes, handleProtocols }: WebSocketsOptions,
  context: WebSocketsContext,
): WebSockets {
  const { heartbeat, sampledLog } = context
  const server = new WebSocketServer(
    serverOptions({ ...(handleProtocols && { handleProtocols }), maxPayload: largestFrameBytes }),
  )
  let isClosed = false
  return {
    accept: ({ request, socket, head }, serve) => {
      // Whoever was still being looked up when the hub stopped.
      if (isClosed) {
        socket.destroy()
        return
      }
      const buffered: unknown = socket.read()
      const early = Buffer.isBuffer(buffered) ? Buffer.concat([head, buffered]) : head
      server.handleUpgrade(request, socket, nothing, (websocket) => {
        guardEvents(websocket)
        const pulse = heartbeat.watch(websocket, () => request.socket.bytesRead)
        websocket.on('pong', pulse.alive)
        websocket.on('close', pulse.stop)
        websocket.on('error', (error) => {
          const fields = { reason: error.message }
          sampledLog.warn(counterOf(error), fields, 'a websocket broke a rule')
        })
        serve(websocket)
        const messages = wholeMessages(websocket, { request, messageBytes, context })
        readWholeMessages(socket, early, messages)
      })
    },
    close: async () => {
      isClosed = true
      await Promise.all([...server.clients].map(closeWebSocket))
    },
  }
}

interface Incoming {
  readonly request: IncomingMessage
  readonly messageBytes: number | undefined
  readonly context: WebSocketsContext
}

/** What a websocket is to read its messages by. */
function wholeMessages(
  websocket: WebSocket,
  { request, messageBytes, context: { sampledLog, newInboundShare } }: Incoming,
): WholeMessages {
  const onFragments = (count: number) => websocket.emit('fragments', count)
  if (messageBytes === undefined) return new WholeMessages({ onFragments })
  const share = newInboundShare(() => `address ${request.socket.remoteAddress}`)
  const onExcess = (bytes: number) => {
    const error = tooLarge(bytes, messageBytes)
    const fields = { reason: error.message }
    sampledLog.warn('websocket-message-too-big', fields, 'a message is too large, and lost')
    websocket.emit('excess', error)
  }
  const limit = { messageBytes, mayKeep: share.hold, onExcess }
  websocket.on('close', () => share.hold(0))
  return new WholeMessages({ limit, onFragments })
}

/** The types of ws do not know yet how long it waits for the peer's close frame. */
function serverOptions(options: ServerOptions): ServerOptions & { closeTimeout: number } {
  return {
    ...options,
    noServer: true,
    perMessageDeflate: false,
    autoPong: false,
    closeTimeout: closeGraceMs,
  }
}

function counterOf(error: Error): string {
  switch (systemCodeOf(error)) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return 'websocket-message-too-big'
    default:
      return 'websocket-ended'
  }
}

function closeWebSocket(websocket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(closeGraceMs, () => websocket.terminate())
    websocket.once('close', () => {
      cancel()
      resolve()
    })
    websocket.close(
      closeCodes.stopping.code,
      `the hub is stopping: come back in ${pauseSeconds()} s`,
    )
  })
}

/** Not all are to come back at once. */
function pauseSeconds(): number {
  return 1 + Math.floor(Math.random() * 2)
}

/** What a heartbeat needs of a websocket. */
export type Pinged = Pick<WebSocket, 'ping' | 'terminate' | 'isPaused'>

export interface HeartbeatOptions {
  readonly limits: { readonly pingSeconds: number; readonly pongSeconds: number }
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** Pings every websocket of a hub, and disconnects those that do not answer. */
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
      sampledLog.warn(
        'websocket-no-pong',
        {},
        'a websocket does not answer pings: it is disconnected',
      )
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
      // Whom we do not hear for reasons of our own is not disconnected for it.
      const isUnheard = hasStalled || websocket.isPaused
      if (isUnheard && pulse.deadlineMs !== undefined) pulse.deadlineMs = nowMs + pongMs
      beat(websocket, pulse, nowMs)
    }
  }
  const stop = every(tickMs, tick)
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
    close: stop,
  }
}
