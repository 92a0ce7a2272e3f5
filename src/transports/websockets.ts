import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'

/** Completes websocket handshakes and knows every websocket that is open. */
export interface WebSockets {
  accept(
    handshake: { request: IncomingMessage; socket: Duplex; head: Buffer },
    serve: (websocket: WebSocket) => void,
  ): void
  /** Tells every peer that the hub goes away, and waits for them, at most `closeGraceMs`. */
  close(): Promise<void>
}

const closeGraceMs = 1000

export function createWebSockets(options: Pick<ServerOptions, 'handleProtocols' | 'maxPayload'>) {
  const server = new WebSocketServer({ ...options, noServer: true, perMessageDeflate: false })
  return {
    accept: ({ request, socket, head }, serve) => {
      server.handleUpgrade(request, socket, head, serve)
    },
    close: async () => {
      await Promise.all([...server.clients].map(closeWebSocket))
    },
  } satisfies WebSockets
}

function closeWebSocket(websocket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => websocket.terminate(), closeGraceMs)
    websocket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    // RFC 6455, 7.4.1: 1001, the server goes away.
    websocket.close(1001, 'the hub is stopping')
  })
}
