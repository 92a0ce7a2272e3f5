import { createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionGate } from '../access/connection-gate.ts'
import { keepAccepting } from '../core/keep-accepting.ts'
import { listen } from '../core/listen.ts'
import type { SampledLog } from '../core/sampled-log.ts'

export interface MqttListener {
  readonly port: number
  /** Stops listening; the broker closes the connections it took over. */
  close(): void
}

export interface MqttListenerOptions {
  readonly host: string
  readonly port: number
  readonly gate: Pick<ConnectionGate, 'admit'>
  readonly sampledLog: SampledLog
}

/** Accepts MQTT over TCP and hands each connection that the gate admits to `handle`. */
export async function listenForMqtt(
  { host, port, gate, sampledLog }: MqttListenerOptions,
  handle: (stream: Duplex) => void,
): Promise<MqttListener> {
  // Without noDelay a retained value takes 40 ms to arrive: Nagle waits for a delayed ACK.
  const server = createServer({ noDelay: true }, (socket) => {
    // MQTT has no answer for somebody who has not said CONNECT.
    if (gate.admit(socket) === undefined) handle(socket)
    else socket.destroy()
  })
  const openPort = await listen(server, { host, port, setting: 'CLOWN_MQTT_PORT' })
  const accepting = keepAccepting(server, { host, port: openPort, sampledLog })
  return { port: openPort, close: accepting.close }
}
