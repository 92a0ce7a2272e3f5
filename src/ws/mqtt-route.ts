import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'
import { offeredSubprotocols } from '../access/request-sign-in.ts'
import { guardEvents } from '../core/guard.ts'
import type { Route } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { RateLimitedReader } from './rate-limited-reader.ts'
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
  return {
    isSignedInExplicitly: () => true,
    upgrade: (handshake) => {
      const { request, refuse } = handshake
      if (chooseMqtt(new Set(offeredSubprotocols(request))) === false) {
        refuse({ status: 400, reason: 'expected the websocket subprotocol mqtt' })
        return
      }
      websockets.accept(handshake, (websocket) => {
        const options = { ...pace(limits), sampledLog }
        handle(guardEvents(binaryStreamOf(websocket, options)), request)
      })
    },
  }
}

/** As of now: the limits may be others for the next one. */
function pace(limits: MqttRouteOptions['limits']): Omit<WebSocketBytesOptions, 'sampledLog'> {
  const framesPerSecond = framesPerPacket * (limits.publishesPerSecond + limits.requestsPerSecond)
  const frameBurst = framesPerPacket * (limits.publishBurst + limits.requestBurst)
  return {
    limits: { framesPerSecond, frameBurst },
    pingCost: framesPerSecond / limits.requestsPerSecond,
  }
}

interface WebSocketBytesOptions {
  /** Frames a peer may send in the long run, and at once. */
  readonly limits: { readonly framesPerSecond: number; readonly frameBurst: number }
  /** For how many frames a ping or a pong counts. */
  readonly pingCost: number
  readonly sampledLog: SampledLog
}

/** Frames without a byte of MQTT that may come before its first one. */
const mostSilentFrames = 10

/**
 * The bytes of a websocket's binary frames, as a stream. A peer that sends frames faster than it may is
 * not read meanwhile; one that begins with pings and empty frames in place of bytes is disconnected.
 */
export function binaryStreamOf(websocket: WebSocket, options: WebSocketBytesOptions): Duplex {
  const stream = createWebSocketStream(websocket)
  const reader = holdBack(websocket, stream, options)
  const mayGoOn = createSilenceLimit(() => {
    const { sampledLog } = options
    sampledLog.warn(
      'mqtt-no-connect',
      {},
      'a websocket says nothing in many frames: it is disconnected',
    )
    websocket.terminate()
  })
  // The stream's own listener would take whatever comes, and a text for bytes.
  websocket.removeAllListeners('message')
  websocket.on('message', (data, isBinary) => {
    // Never anything else with the default binaryType.
    const bytes = Buffer.isBuffer(data) && isBinary ? data : undefined
    // [MQTT-6.0.0-1] MQTT travels in binary frames only. RFC 6455, 7.4.1: 1003, data not taken.
    if (bytes === undefined) websocket.close(1003, 'expected binary frames')
    if (!mayGoOn(bytes !== undefined && bytes.length > 0)) return
    if (bytes === undefined) reader.noise()
    else reader.message(bytes)
  })
  websocket.on('ping', (data) => {
    if (mayGoOn(false)) reader.ping(data)
  })
  websocket.on('pong', () => {
    if (mayGoOn(false)) reader.noise()
  })
  websocket.on('fragments', (count: number) => {
    if (mayGoOn(false)) reader.noise(count)
  })
  return stream
}

/** Lets a websocket be read only when it keeps its rate and `stream` is not full. */
function holdBack(
  websocket: WebSocket,
  stream: Duplex,
  { limits, pingCost, sampledLog }: WebSocketBytesOptions,
): RateLimitedReader {
  const pausable = {
    pause: () => websocket.pause(),
    pong: (data: Buffer) => websocket.pong(data),
    // A full stream asks for more itself, when it has been read.
    resume: () => {
      if (stream.readableLength < stream.readableHighWaterMark) websocket.resume()
    },
  }
  const reader = new RateLimitedReader(pausable, {
    limits: { messagesPerSecond: limits.framesPerSecond, messageBurst: limits.frameBurst },
    pingCost,
    sampledLog,
    receive: (frame) => {
      if (!stream.push(frame)) websocket.pause()
    },
  })
  stream._read = () => {
    if (!reader.isHeldBack) websocket.resume()
  }
  // Comes before the stream learns of it, which takes nothing after its end.
  websocket.prependOnceListener('close', () => reader.close())
  return reader
}

/**
 * Tells of each frame, by whether it has bytes, whether it is to be dealt with. `onEnd` is called once,
 * when too many had none before the first that has.
 */
function createSilenceLimit(onEnd: () => void): (hasBytes: boolean) => boolean {
  let isSpoken = false
  let silentFrames = 0
  return (hasBytes) => {
    isSpoken ||= hasBytes
    if (isSpoken) return true
    silentFrames++
    // The rest of what was read already comes all the same.
    if (silentFrames === mostSilentFrames + 1) onEnd()
    return silentFrames <= mostSilentFrames
  }
}
