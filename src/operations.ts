/** What those who run the hub are told of it, put together from all of its parts. */

import { mostSecurityEvents, type SecurityLog } from './access/security-log.ts'
import type { SignedIn } from './access/signed-in.ts'
import { digestOf } from './access/tokens.ts'
import type { Config } from './config.ts'
import type { ProcessWatch } from './core/process-watch.ts'
import type { Release } from './core/release.ts'
import type { Counters } from './core/sampled-log.ts'
import type { Trace } from './core/trace.ts'
import { type LinkCounts, type Metrics, openMetrics } from './metrics/metrics.ts'
import type { Broker } from './mqtt/broker.ts'
import type { KindOfTraffic } from './mqtt/statistics.ts'
import type { Recording } from './nodes/history/open-recording.ts'
import type { Hardware } from './nodes/open-hardware.ts'
import type { Notify } from './notify/open-notify.ts'
import type { OpenBridges } from './open-bridges.ts'
import type { OpenBus } from './open-bus.ts'
import type { OpenUpstreams } from './open-upstreams.ts'
import type { Store } from './store/store.ts'
import type { KindOfLink, LinkTraffics } from './ws/link-traffic.ts'

/** The parts of a hub of which something is told. */
export interface OperatedParts {
  readonly release: Pick<Release, 'version'>
  readonly counters: Pick<Counters, 'snapshot'>
  readonly load: Pick<ProcessWatch, 'isOverloaded' | 'latestMs'>
  readonly store: Pick<Store, 'onWritten'>
  readonly readiness: { unready(): string | undefined }
  readonly linkTraffics: Pick<LinkTraffics, 'all'>
  readonly broker: Pick<Broker, 'state' | 'kindsOfTraffic'>
  readonly hardware: Pick<Hardware, 'auditLog' | 'nodes'>
  readonly recording: Pick<Recording, 'history'>
  readonly notify: Pick<Notify, 'list' | 'counts'>
  readonly upstreams: Pick<OpenUpstreams, 'statuses'>
  readonly bridges: Pick<OpenBridges, 'statuses'>
  readonly hubs: OpenBus['hubs']
}

export function hubMetrics(parts: OperatedParts): Metrics {
  const { broker, hardware, linkTraffics, readiness, recording } = parts
  const { registry } = hardware.nodes
  return openMetrics({
    ...parts,
    version: parts.release.version,
    links: () => [
      ...[...broker.kindsOfTraffic()].map(mqttCounts),
      ...[...linkTraffics.all()].map(linkCounts),
    ],
    broker: broker.state,
    commandEnds: hardware.auditLog.ends,
    nodes: () => [...registry.nodes.values()].map(({ online }) => online),
    devices: () => registry.devicesBelow('').length,
    upstreams: parts.upstreams.statuses,
    bridges: parts.bridges.statuses,
    isReady: () => readiness.unready() === undefined,
    history: recording.history.state,
  })
}

const levelNames = { 3: 'mqtt-3.1', 4: 'mqtt-3.1.1', 5: 'mqtt-5' } as const

function mqttCounts({ transport, level, traffic }: KindOfTraffic): LinkCounts {
  return {
    transport,
    protocol: level === undefined ? 'mqtt' : levelNames[level],
    connections: traffic.openConnections,
    messagesReceived: traffic.messagesReceived,
    messagesSent: traffic.messagesSent,
    messagesDropped: traffic.messagesDropped,
    bytesReceived: traffic.bytesReceived,
    bytesSent: traffic.bytesSent,
  }
}

function linkCounts({ transport, language, traffic }: KindOfLink): LinkCounts {
  const { links: connections, messagesReceived, messagesSent, bytesReceived, bytesSent } = traffic
  const counts = { connections, messagesReceived, messagesSent, bytesReceived, bytesSent }
  return { transport, protocol: language, messagesDropped: 0, ...counts }
}

/** Lets the trace tell how each connection has ended; returns what ends that. */
export function traceEnds(
  signedIn: Pick<SignedIn, 'onLeft'>,
  trace: Pick<Trace, 'connectionEnded'>,
): () => void {
  return signedIn.onLeft(({ user, title, transport: way, address, sinceMs }, why) => {
    const origin = { user, clientId: way === 'mqtt' ? title : undefined, address, way }
    trace.connectionEnded(origin, { why, openMs: Date.now() - sinceMs })
  })
}

/** The digest of a configuration has no password in it: it is no help to who guesses them. */
export function tellStart(securityLog: SecurityLog, config: Config, version: string): void {
  const users = Object.entries(config.users).map(([name, { password: _, ...user }]) => [name, user])
  const configuration = digestOf(JSON.stringify({ ...config, users }))
  const before = securityLog.latest(mostSecurityEvents).find(({ event }) => event === 'hub-started')
  securityLog.note('hub-started', { version, configuration })
  if (before === undefined || before['configuration'] === configuration) return
  securityLog.note('configuration-changed', { configuration })
}
