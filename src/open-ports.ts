/** Where a hub listens. */
import type { Logger } from 'pino'
import { openMetricsRoute } from './api/operating-routes.ts'
import type { Config } from './config.ts'
import type { Closers } from './core/callbacks.ts'
import { openCertificate } from './core/certificate.ts'
import { type HttpServerOptions, openHttpServer } from './http/http-server.ts'
import type { Ports } from './hub-ports.ts'
import type { Metrics } from './metrics/metrics.ts'
import { listenForMqtt, type MqttListenerOptions } from './mqtt/mqtt-listener.ts'
import type { OpenBus } from './open-bus.ts'

type ListenAddress = 'host' | 'port' | 'settings'

interface PortParts {
  /** How requests are served, on the plain port and with TLS alike. */
  readonly requests: Omit<HttpServerOptions, ListenAddress | 'certificate'>
  readonly handle: OpenBus['handle']
  readonly log: Logger
  readonly onClose: Closers['add']
  /** Calls `look` when files are to be read anew. */
  onLook(look: () => void): void
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
  const httpPort = await open.http(httpAddress)
  const plain = { httpPort, mqttPort: (await open.mqtt(mqttAddress)) ?? 0 }
  if (tls === undefined) return { ...plain, httpsPort: undefined, mqttsPort: undefined }

  const { host } = tls
  const certificate = openCertificate(tls, { log: parts.log })
  parts.onClose(certificate.close)
  parts.onLook(certificate.look)
  const httpsAddress = { host, port: tls.httpPort, settings: settings('TLS', 'TLS_HTTP') }
  const mqttsAddress = { host, port: tls.mqttPort, settings: settings('TLS', 'TLS_MQTT') }
  const secure = { certificate, handshakeSeconds: limits.http.headerSeconds }
  const httpsPort = await open.http({ ...httpsAddress, certificate })
  const mqttsPort = await open.mqtt({ ...mqttsAddress, tls: secure })
  return { ...plain, httpsPort, mqttsPort }
}

/**
 * Opens the port on which whoever reaches it learns how the hub is, and nothing else.
 *
 * @throws HubError `cannot-listen`
 */
export async function openMetricsPort(
  { metrics: { host, port } }: Config,
  parts: PortParts & { readonly metrics: Metrics },
): Promise<void> {
  if (port === undefined) return
  const route = openMetricsRoute(parts.metrics)
  const routeOf: HttpServerOptions['routeOf'] = (path) => (path === '/metrics' ? route : undefined)
  const requests = { ...parts.requests, routeOf }
  const open = createOpeners({ ...parts, requests })
  await open.http({ host, port, settings: settings('METRICS', 'METRICS') })
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
      if (handle === undefined) return undefined
      const listener = await listenForMqtt({ ...options, limiter, sampledLog }, handle)
      onClose(listener.close)
      return listener.port
    },
  }
}
