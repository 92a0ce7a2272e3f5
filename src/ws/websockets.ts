import type { IncomingMessage } from 'node:http'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { NewShare } from '../core/byte-budget.ts'
import { systemCodeOf, tooLarge } from '../core/errors.ts'
import type { Handshake } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { closeCodes } from './close-codes.ts'
import type { Heartbeat } from './heartbeat.ts'
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

/** How long a peer has for its part of the goodbye, whoever began. */
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
  const messages = new WholeMessages({ limit, onFragments })
  websocket.on('message', () => share.hold(messages.keptBytes))
  websocket.on('close', () => share.hold(0))
  return messages
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
    const timer = setTimeout(() => websocket.terminate(), closeGraceMs)
    websocket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    websocket.close(closeCodes.stopping.code, 'the hub is stopping')
  })
}
