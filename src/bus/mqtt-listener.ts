import { createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { listen } from '../core/listen.ts'

export interface MqttListener {
  readonly port: number
  /** Stops listening; the broker closes the connections it took over. */
  close(): void
}

/** Accepts MQTT over TCP and hands each connection to `handle`. */
export async function listenForMqtt(
  { host, port }: { readonly host: string; readonly port: number },
  handle: (stream: Duplex) => void,
): Promise<MqttListener> {
  // Without noDelay a retained value takes 40 ms to arrive: Nagle waits for a delayed ACK.
  const server = createServer({ noDelay: true }, handle)
  const openPort = await listen(server, { host, port, setting: 'CLOWN_MQTT_PORT' })
  return {
    port: openPort,
    close: () => {
      server.close()
    },
  }
}
