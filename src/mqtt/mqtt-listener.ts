import { createServer, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createSecureServer } from 'node:tls'
import type { ConnectionLimiter } from '../access/connection-limiter.ts'
import type { Certificate } from '../core/certificate.ts'
import { followHandshakes, keepAccepting, type ListenSettings, listen } from '../core/listen.ts'
import type { SampledLog } from '../core/sampled-log.ts'

export interface MqttListener {
  readonly port: number
  /** Stops listening; the broker closes the connections it took over. */
  close(): void
}

export interface MqttListenerOptions {
  readonly host: string
  readonly port: number
  /** What sets these two, for error messages. */
  readonly settings: ListenSettings
  readonly limiter: Pick<ConnectionLimiter, 'accept' | 'secured'>
  readonly sampledLog: SampledLog
  /** With it, MQTT comes by TLS. */
  readonly tls?: {
    readonly certificate: Pick<Certificate, 'secure' | 'asks'>
    readonly handshakeSeconds: number
  }
}

type Handle = (stream: Duplex) => void

/**
 * After so long without a byte the system asks whether the peer is there, then every second, and gives it
 * up at the tenth question without an answer. Only so is a peer found dead that promised no packets.
 */
const quietMs = 60_000

/** Accepts MQTT over TCP or TLS and hands each connection that the limits allow to `handle`. */
export async function listenForMqtt(
  options: MqttListenerOptions,
  handle: Handle,
): Promise<MqttListener> {
  const { host, port, settings, tls, sampledLog } = options
  const { server, closeHandshakes } =
    tls === undefined ? openPlain(options, handle) : openSecure({ ...options, tls }, handle)
  const openPort = await listen(server, { host, port, settings })
  const accepting = keepAccepting(server, { host, port: openPort, sampledLog })
  const close = () => {
    accepting.close()
    closeHandshakes()
  }
  return { port: openPort, close }
}

interface OpenedServer {
  readonly server: Server
  closeHandshakes(): void
}

function openPlain({ limiter }: MqttListenerOptions, handle: Handle): OpenedServer {
  // Without noDelay a retained value takes 40 ms to arrive: Nagle waits for a delayed ACK.
  const server = createServer({ noDelay: true }, (socket) => {
    socket.setKeepAlive(true, quietMs)
    // MQTT has no answer for somebody who has not said CONNECT.
    if (limiter.accept(socket) === undefined) handle(socket)
    else socket.destroy()
  })
  return { server, closeHandshakes: () => {} }
}

function openSecure(
  { limiter, sampledLog, tls }: MqttListenerOptions & Required<Pick<MqttListenerOptions, 'tls'>>,
  handle: Handle,
): OpenedServer {
  const { certificate, handshakeSeconds } = tls
  const server = createSecureServer({
    noDelay: true,
    handshakeTimeout: handshakeSeconds * 1000,
    ...certificate.asks,
  })
  certificate.secure(server)
  server.on('connection', (socket) => {
    socket.setKeepAlive(true, quietMs)
    if (limiter.accept(socket) !== undefined) socket.destroy()
  })
  const onSecure = limiter.secured
  const handshakes = followHandshakes(server, { sampledLog, onSecure })
  server.on('secureConnection', handle)
  return { server, closeHandshakes: handshakes.close }
}
