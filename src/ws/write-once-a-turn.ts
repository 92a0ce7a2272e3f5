import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { EndOfTick } from '../core/callbacks.ts'
import type { Outlet } from './websocket-link.ts'

/** More than this is written at once: a reader that keeps up must not look like one that does not. */
const mostCollectedBytes = 65_536

/**
 * What goes to a websocket in one turn of the event loop leaves with one write, which costs more than all
 * the rest, and after what the turn has to send to others.
 */
export function writeOnceATurn(websocket: WebSocket, socket: Duplex, endOfTick: EndOfTick): Outlet {
  let isCollecting = false
  const end = {
    flush: () => {
      isCollecting = false
      socket.uncork()
    },
  }
  return {
    get bufferedAmount() {
      return websocket.bufferedAmount
    },
    get readyState() {
      return websocket.readyState
    },
    close: (code, reason) => websocket.close(code, reason),
    // The websocket itself writes whole frames, too, so its pings and its close come between them.
    write: (bytes, written) => {
      socket.write(bytes, () => written())
    },
    offer: (bytes) => {
      if (socket.writableLength > 0 || websocket.readyState !== WebSocket.OPEN) return false
      return socket.write(bytes) || true
    },
    send: (frame, written) => {
      if (!isCollecting) {
        isCollecting = true
        socket.cork()
        endOfTick.add(end)
      }
      websocket.send(frame, written)
      if (websocket.bufferedAmount <= mostCollectedBytes) return
      socket.uncork()
      socket.cork()
    },
  }
}
