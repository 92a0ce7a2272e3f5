import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { offeredSubprotocols } from '../access/subprotocol.ts'
import { refuseUpgrade } from '../core/refusal.ts'
import type { Route } from '../core/route.ts'
import type { Config } from '../generated/config.ts'
import { bytesOf, type WebSocketBytesOptions } from './websocket-bytes.ts'
import type { WebSockets } from './websockets.ts'

/** [MQTT-6.0.0-4] The names of MQTT 3.1.1 and 3.1 as websocket subprotocols. */
const subprotocols = ['mqtt', 'mqttv3.1']

/** The subprotocol to answer with; false when MQTT was not offered. */
export function chooseMqtt(offered: Set<string>): string | false {
  return subprotocols.find((name) => offered.has(name)) ?? false
}

/** How many frames a client may take for one packet: some libraries send each field in its own. */
const framesPerPacket = 10

export interface MqttRouteOptions extends Pick<WebSocketBytesOptions, 'sampledLog'> {
  readonly websockets: WebSockets
  readonly limits: Readonly<Config['limits']['mqtt']>
  handle(stream: Duplex, request: IncomingMessage): void
}

/** MQTT over websocket: the socket goes to the broker, and MQTT's own CONNECT signs the user in. */
export function mqttRoute({ websockets, limits, sampledLog, handle }: MqttRouteOptions): Route {
  const framesPerSecond = framesPerPacket * (limits.publishesPerSecond + limits.requestsPerSecond)
  const frameBurst = framesPerPacket * (limits.publishBurst + limits.requestBurst)
  const options = {
    limits: { framesPerSecond, frameBurst },
    pingPrice: framesPerSecond / limits.requestsPerSecond,
    sampledLog,
  }
  return {
    isSignedInExplicitly: () => true,
    upgrade: (handshake) => {
      const { request, socket } = handshake
      if (chooseMqtt(new Set(offeredSubprotocols(request))) === false) {
        refuseUpgrade(socket, { status: 400, reason: 'expected the websocket subprotocol mqtt' })
        return
      }
      websockets.accept(handshake, (websocket) => {
        handle(bytesOf(websocket, options), request)
      })
    },
  }
}
