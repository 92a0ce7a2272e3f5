import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream } from 'ws'
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
      if (chooseMqtt(new Set(offered.split(/\s*,\s*/))) === false) {
        refuseUpgrade(socket, { status: 400, reason: 'expected the websocket subprotocol mqtt' })
        return
      }
      websockets.accept({ request, socket, head }, (websocket) => {
        handle(createWebSocketStream(websocket), request)
      })
    },
  }
}
