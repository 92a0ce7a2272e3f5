import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Route } from './http-server.ts'
import { refuseUpgrade } from './refusal.ts'
import type { WebSockets } from './websockets.ts'

/** [MQTT-6.0.0-4] The names of MQTT 3.1.1 and 3.1 as websocket subprotocols. */
const subprotocols = ['mqtt', 'mqttv3.1']

/** The subprotocol to answer with; false when MQTT was not offered. */
export function chooseMqtt(offered: Set<string>): string | false {
  return subprotocols.find((name) => offered.has(name)) ?? false
}

/** MQTT over websocket: the socket goes to the broker, and MQTT's own CONNECT signs the user in. */
export function mqttRoute(
  websockets: WebSockets,
  handle: (stream: Duplex, request: IncomingMessage) => void,
): Route {
  return {
    upgrade: (request, socket, head) => {
      const offered = request.headers['sec-websocket-protocol'] ?? ''
      // Trimmed afterwards: a pattern with spaces on both sides takes quadratic time on many of them.
      const names = offered.split(',').map((name) => name.trim())
      if (chooseMqtt(new Set(names)) === false) {
        refuseUpgrade(socket, { status: 400, reason: 'expected the websocket subprotocol mqtt' })
        return
      }
      websockets.accept({ request, socket, head }, (websocket) => {
        const stream = createWebSocketStream(websocket)
        refuseText(websocket)
        answerPings(websocket)
        handle(stream, request)
      })
    },
  }
}

/** [MQTT-6.0.0-1] MQTT travels in binary frames only. RFC 6455, 7.4.1: 1003, data not taken. */
function refuseText(websocket: WebSocket): void {
  // The stream would take a text for bytes, so its own listener gets only what is none.
  const listeners = websocket.listeners('message')
  websocket.removeAllListeners('message')
  websocket.on('message', (data, isBinary) => {
    if (!isBinary) websocket.close(1003, 'expected binary frames')
    else for (const take of listeners) Reflect.apply(take, websocket, [data, isBinary])
  })
}

/** Pings a peer may send in the long run, and at once; further ones stay without an answer. */
const pingRate = { perSecond: 1, burst: 10 }

function answerPings(websocket: WebSocket): void {
  const bucket = new TokenBucket(pingRate)
  websocket.on('ping', (data) => {
    if (bucket.take()) websocket.pong(data)
  })
}
