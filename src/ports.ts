/** The ports of a hub: HTTP and MQTT, plain and with TLS. */
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Closers } from './core/callbacks.ts'
import { openCertificate } from './core/certificate.ts'
import { type HttpServerOptions, openHttpServer } from './http/http-server.ts'
import type { Broker } from './mqtt/broker.ts'
import { listenForMqtt, type MqttListenerOptions } from './mqtt/mqtt-listener.ts'

type ListenAddress = 'host' | 'port' | 'settings'

export interface PortParts {
  /** How requests are served, on the plain port and with TLS alike. */
  readonly requests: Omit<HttpServerOptions, ListenAddress | 'certificate'>
  readonly handle: Broker['handle']
  readonly log: Logger
  readonly onClose: Closers['add']
}

/** The ports that are listened on, also where the config said 0. */
export interface Ports {
  readonly httpPort: number
  readonly mqttPort: number
  /** The same with TLS; undefined without the part `tls` of the config. */
  readonly httpsPort: number | undefined
  readonly mqttsPort: number | undefined
}

/**
 * Opens the plain ports, and those with TLS when the config has a certificate.
 *
 * @throws HubError `cannot-listen`, and as `openCertificate` for the certificate.
 */
export async function openPorts(
  { http, mqtt, tls, limits }: Config,
  parts: PortParts,
): Promise<Ports> {
  const open = createOpeners(parts)
  const httpAddress = { host: http.host, port: http.port, settings: settings('HTTP', 'HTTP') }
  const mqttAddress = { host: mqtt.host, port: mqtt.port, settings: settings('MQTT', 'MQTT') }
  const plain = { httpPort: await open.http(httpAddress), mqttPort: await open.mqtt(mqttAddress) }
  if (tls === undefined) return { ...plain, httpsPort: undefined, mqttsPort: undefined }

  const { host, httpPort, mqttPort } = tls
  const certificate = openCertificate(tls, { log: parts.log })
  parts.onClose(certificate.close)
  const httpsAddress = { host, port: httpPort, settings: settings('TLS', 'TLS_HTTP') }
  const mqttsAddress = { host, port: mqttPort, settings: settings('TLS', 'TLS_MQTT') }
  const secure = { certificate, handshakeSeconds: limits.http.headerSeconds }
  const httpsPort = await open.http({ ...httpsAddress, certificate })
  const mqttsPort = await open.mqtt({ ...mqttsAddress, tls: secure })
  return { ...plain, httpsPort, mqttsPort }
}

function settings(host: string, port: string): HttpServerOptions['settings'] {
  return { host: `CLOWN_${host}_HOST`, port: `CLOWN_${port}_PORT` }
}

function createOpeners({ requests, handle, onClose }: PortParts) {
  const { limiter, sampledLog } = requests
  return {
    http: async (options: Pick<HttpServerOptions, ListenAddress | 'certificate'>) => {
      const server = await openHttpServer({ ...requests, ...options })
      onClose(server.close)
      return server.port
    },
    mqtt: async (options: Pick<MqttListenerOptions, ListenAddress | 'tls'>) => {
      const listener = await listenForMqtt({ ...options, limiter, sampledLog }, handle)
      onClose(listener.close)
      return listener.port
    },
  }
}
