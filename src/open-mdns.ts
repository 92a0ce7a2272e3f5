/** The local network is told what the hub is called and where it listens: multicast DNS (RFC 6762), with services (RFC 6763). */
import { createSocket } from 'node:dgram'
import type { EventEmitter } from 'node:events'
import { hostname } from 'node:os'
import type { ServiceConfig } from 'bonjour-service'
import type { Logger } from 'pino'
import { isLoopbackHost } from './access/address.ts'
import type { Config } from './config.ts'
import type { Closers } from './core/callbacks.ts'
import { reasonOf } from './core/errors.ts'
import { guardEvents } from './core/guard.ts'
import type { DeepReadonly } from './core/json.ts'
import type { Ports } from './hub-ports.ts'

interface MdnsParts {
  readonly log: Logger
  readonly onClose: Closers['add']
  /** The package is optional. */
  loadPackage?(): Promise<Pick<typeof import('bonjour-service'), 'Bonjour'>>
}

/** Answers for the hub's name and services from now on, where other machines are let in and nobody has said no. */
export async function openMdns(
  config: DeepReadonly<Config>,
  ports: Ports,
  { log, onClose, loadPackage = () => import('bonjour-service') }: MdnsParts,
): Promise<void> {
  const services = servicesOf(config, ports)
  if (!config.mdns.enabled || services.length === 0) return
  const tellFailure = (error: unknown) =>
    log.warn(
      { event: 'mdns-failed', reason: reasonOf(error) },
      'the local network is not told of the hub',
    )
  const loaded = await loadPackage().catch(tellFailure)
  if (loaded === undefined) return
  const socket = guardEvents(createSocket({ type: 'udp4', reuseAddr: true }))
  const bonjour = new loaded.Bonjour(Object({ socket }), tellFailure)
  const mdns: EventEmitter = Object(Object(bonjour).server).mdns
  mdns.on('error', tellFailure)
  const unpublished = () => new Promise<void>((resolve) => bonjour.unpublishAll(() => resolve()))
  // Addresses are told as they are then: a machine may get one later, or another one.
  mdns.on('networkInterface', async () => {
    await unpublished()
    for (const service of services) bonjour.publish(service)
  })
  onClose(async () => {
    await unpublished()
    await new Promise<void>((resolve) => bonjour.destroy(() => resolve()))
  })
}

/** What is listened on by more than this machine. */
function servicesOf(
  { mdns, http, mqtt, tls }: DeepReadonly<Config>,
  ports: Ports,
): ServiceConfig[] {
  const { host: secureHost } = tls ?? http
  const { httpPort, mqttPort, httpsPort = 0, mqttsPort = 0 } = ports
  const places = [
    { type: 'http', listens: http.host, port: httpPort },
    { type: 'mqtt', listens: mqtt.host, port: mqttPort },
    { type: 'https', listens: secureHost, port: httpsPort },
    { type: 'secure-mqtt', listens: secureHost, port: mqttsPort },
  ]
  const open = places.filter(({ listens, port }) => port > 0 && !isLoopbackHost(listens))
  return open.map(({ type, listens, port }) => ({
    ...{ type, port, host: `${mdns.name}.local`, disableIPv6: !listens.includes(':') },
    // RFC 6763, 4.1.1: whoever looks for services reads it, and chooses by it.
    name: `${mdns.name} on ${hostname()}`.slice(0, 63),
    ...(type.startsWith('http') && { txt: { path: `${http.pathPrefix}/` } }),
    // Where two hubs have one name the package would print a stack, and tell of neither.
    probe: false,
  }))
}
