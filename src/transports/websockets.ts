import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { NewShare } from '../core/byte-budget.ts'
import { systemCodeOf } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { closeCodes } from './close-codes.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { Handshake } from './route.ts'

/** Completes websocket handshakes and knows every websocket that is open. */
export interface WebSockets {
  accept(handshake: Handshake, serve: (websocket: WebSocket) => void): void
  /** Tells every peer that the hub goes away, and waits for them, at most `closeGraceMs`. */
  close(): Promise<void>
}

/** How long a peer has for its part of the goodbye, whoever began. */
const closeGraceMs = 1000

export interface WebSocketsOptions extends Pick<ServerOptions, 'handleProtocols'> {
  /** Bytes of one message, all its fragments together. */
  readonly messageBytes: number
  readonly fragments: number
  readonly bufferedChunks: number
}

export interface WebSocketsContext {
  readonly heartbeat: Heartbeat
  readonly sampledLog: SampledLog
  readonly newInboundShare: NewShare
}

export function createWebSockets(
  options: WebSocketsOptions,
  { heartbeat, sampledLog, newInboundShare }: WebSocketsContext,
): WebSockets {
  const { messageBytes, fragments, bufferedChunks, handleProtocols } = options
  const server = new WebSocketServer(
    serverOptions({
      ...(handleProtocols && { handleProtocols }),
      maxPayload: messageBytes,
      maxFragments: fragments,
      maxBufferedChunks: bufferedChunks,
    }),
  )
  let isClosed = false
  return {
    accept: ({ request, socket, head }, serve) => {
      // Whoever was still being looked up when the hub stopped.
      if (isClosed) {
        socket.destroy()
        return
      }
      server.handleUpgrade(request, socket, head, (websocket) => {
        const pulse = heartbeat.watch(websocket)
        websocket.on('pong', pulse.alive)
        websocket.on('close', pulse.stop)
        websocket.on('error', (error) => {
          const fields = { reason: error.message }
          sampledLog.warn(counterOf(error), fields, 'a websocket broke a rule')
        })
        boundUnfinished(websocket, { request, socket, sampledLog, newInboundShare })
        serve(websocket)
      })
    },
    close: async () => {
      isClosed = true
      await Promise.all([...server.clients].map(closeWebSocket))
    },
  }
}

/** Cuts a websocket when it and all others have too much of messages that have not come to their end. */
function boundUnfinished(
  websocket: WebSocket,
  {
    request,
    socket,
    sampledLog,
    newInboundShare,
  }: Omit<WebSocketsContext, 'heartbeat'> & Pick<Handshake, 'request' | 'socket'>,
): void {
  const share = newInboundShare(() => `address ${request.socket.remoteAddress}`)
  let bytes = 0
  const finished = () => {
    bytes = 0
    share.hold(0)
  }
  for (const event of ['message', 'ping', 'pong', 'close']) websocket.on(event, finished)
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (share.hold(bytes)) return
    const fields = { reason: 'all have too much of messages that are not finished' }
    sampledLog.warn('websocket-message-too-big', fields, 'a websocket was cut')
    websocket.terminate()
  })
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
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return 'websocket-too-many-fragments'
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
