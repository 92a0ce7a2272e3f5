// socket.io with its rooms, as its manual has it.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { portOf } from '../../src/core/listen.ts'

const server = createServer()
// Nobody here answers its pings.
const io = new Server(server, { transports: ['websocket'], pingInterval: 600_000 })
io.on('connection', (socket) => {
  const room = String(socket.handshake.query['room'])
  void socket.join(room)
  socket.onAny((event, payload) => {
    io.to(room).to('all').emit(event, payload)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: portOf(server) }))
