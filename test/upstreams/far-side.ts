import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { createInbox, type Inbox } from '../inbox.ts'

export interface FarSide {
  readonly port: number
  /** What was said to it. */
  readonly heard: Inbox<string>
  /** The websocket that was opened last. */
  readonly sockets: readonly WebSocket[]
}

interface Answers {
  opened?(socket: WebSocket, request: IncomingMessage): void
  said?(text: string, socket: WebSocket): void
  /** How it refuses a websocket. */
  readonly refuse?: { readonly status: number; readonly headers: Record<string, string> }
  requested?(request: IncomingMessage, response: ServerResponse): void
}

/** Another system as nobody has built it, on a free port. */
export async function startedFarSide(t: Test, answers: Answers): Promise<FarSide> {
  const heard = createInbox<string>()
  const sockets: WebSocket[] = []
  const server = createServer((request, response) => answers.requested?.(request, response))
  const { refuse } = answers
  const websockets = new WebSocketServer({
    server,
    verifyClient: (_info, answer) =>
      refuse ? answer(false, refuse.status, '', refuse.headers) : answer(true),
  })
  websockets.on('connection', (socket, request) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('message', (data) => {
      heard.put(String(data))
      answers.said?.(String(data), socket)
    })
    answers.opened?.(socket, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of websockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, heard, sockets }
}
