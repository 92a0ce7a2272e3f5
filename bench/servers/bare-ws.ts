// What one writes with ws in an afternoon: rooms by path, and each message sent to each client.
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { portOf } from '../../src/core/listen.ts'
import { answerQuestions } from './watch.ts'

const rooms = new Map<string, Set<WebSocket>>()
const roomOf = (name: string) => {
  const room = rooms.get(name) ?? new Set()
  rooms.set(name, room)
  return room
}

const server = createServer()
new WebSocketServer({ server, perMessageDeflate: false }).on(
  'connection',
  (websocket, { url = '/' }) => {
    const room = roomOf(url)
    room.add(websocket)
    websocket.on('message', (message) => {
      const text = message.toString()
      for (const other of room) if (other.readyState === WebSocket.OPEN) other.send(text)
      for (const other of roomOf('/all')) other.send(text)
    })
    websocket.on('close', () => room.delete(websocket))
    websocket.on('error', () => {})
  },
)
server.listen(0, '127.0.0.1', () => process.send?.({ port: portOf(server) }))
answerQuestions()
