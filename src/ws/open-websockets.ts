/** The websockets of a hub: those that talk to it, those that carry MQTT, those of clients of other systems. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { Forwarding } from '../access/forwarding.ts'
import type { Admit } from '../access/open-access.ts'
import type { RequestSignIn } from '../access/request-sign-in.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { UserRates } from '../access/user-rates.ts'
import type { Bus } from '../bus/bus.ts'
import { type Closers, createEndOfTick } from '../core/callbacks.ts'
import { systemClock } from '../core/clock.ts'
import type { DeepReadonly } from '../core/json.ts'
import type { ConnectionShares } from '../core/memory-budget.ts'
import { Payload } from '../core/payload.ts'
import type { Route } from '../core/route.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { isAtOrBelow } from '../core/topic.ts'
import type { Trace } from '../core/trace.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { createEventStream } from '../dialects/event-stream.ts'
import type { Config } from '../generated/config.ts'
import type { PastValues } from '../nodes/last-values.ts'
import type { MessagePath } from '../nodes/message-path.ts'
import { type Around, readableNodes } from '../nodes/registry/node-json.ts'
import type { Nodes } from '../nodes/registry/open-nodes.ts'
import { createAudiences } from './audiences.ts'
import { createCatchUps } from './catch-ups.ts'
import { createEventStreams, type EventStreams } from './event-streams.ts'
import type { LinkTraffics } from './link-traffic.ts'
import { createMessageSignIn, type MessageSignInOptions } from './message-sign-in.ts'
import { chooseMqtt, mqttRoute } from './mqtt-route.ts'
import { createRecovery } from './recovery.ts'
import { createServedWebSockets, type ServedWebSockets } from './served-route.ts'
import { chooseTalk, talkRoutes } from './talk-route.ts'
import { openTalkSession, type TalkSessionContext } from './talk-session.ts'
import { createHeartbeat, createWebSockets } from './websockets.ts'

type Limits = DeepReadonly<Config>['limits']

export interface WebSocketParts extends ConnectionShares {
  readonly bus: Bus
  readonly access: Pick<MessageSignInOptions, 'signIn' | 'directory' | 'peerOf'> & {
    readonly ofUpgrade: RequestSignIn['ofUpgrade']
    readonly signedIn: SignedIn
    readonly admit: Admit
    readonly rateOf: UserRates
    readonly forwarding: Pick<Forwarding, 'clientAddress'>
  }
  readonly hardware: Pick<TalkSessionContext, 'answering'> & {
    readonly changes: Pick<TalkSessionContext, 'label'>
    readonly path: Pick<TalkSessionContext, 'enter'> & Pick<MessagePath, 'settle'>
    readonly past: PastValues
    readonly nodes: Pick<Nodes, 'told' | 'registry' | 'values' | 'states' | 'labels' | 'settableOf'>
    readonly autoOffOf: Around['autoOffOf']
  }
  /** What is spoken by those that talk. */
  readonly dialect: Dialect
  /** Takes over a websocket that carries MQTT; undefined where nobody does. */
  readonly handle: ((stream: Duplex, request: IncomingMessage) => void) | undefined
  isShortOfMemory(): boolean
  readonly trace: Pick<Trace, 'handed'>
  readonly linkTraffics: LinkTraffics
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

export interface OpenWebSockets {
  /** The route of those that talk below a base, by its path. */
  readonly talk: (path: string) => Route | undefined
  readonly mqtt: Route | undefined
  readonly served: ServedWebSockets
  readonly streams: EventStreams
}

export function openWebSockets(limits: Limits, parts: WebSocketParts): OpenWebSockets {
  const { bus, access, hardware, handle, log, sampledLog, trace, onClose } = parts
  const sockets = openSockets(limits, parts)
  const frameBytes = limits.websocket.messageBytes
  const endOfTick = createEndOfTick()
  const { websocket, json: jsonLimits } = limits
  const { told: presence } = hardware.nodes
  const recovery = createRecovery({
    ...{ bus, presence, frameBytes, jsonLimits, sampledLog, clock: systemClock },
    limits: websocket,
    newRecoveryShare: parts.newRecoveryShare,
  })
  onClose(recovery.close)
  const context: TalkSessionContext = {
    bus,
    enter: hardware.path.enter,
    answering: hardware.answering,
    label: hardware.changes.label,
    nodesBelow: nodesBelow(hardware),
    signedIn: access.signedIn,
    recovery,
    audiences: createAudiences({ bus, presence, recovery, endOfTick, trace, log, frameBytes }),
    catchUps: createCatchUps({ bus, values: hardware.past, log, frameBytes }),
  }
  const { ofUpgrade } = access
  const byMessage = createMessageSignIn({ ...access, limits: limits.signIn, sampledLog })
  return {
    talk: talkRoutes({
      ...parts,
      limits: limits.websocket,
      websockets: sockets.talk,
      openSession: (options) => openTalkSession(context, options),
      signIn: { ofUpgrade, byMessage },
      admit: access.admit,
      rateOf: access.rateOf,
      clientAddress: access.forwarding.clientAddress,
      endOfTick,
    }),
    mqtt:
      handle && mqttRoute({ handle, sampledLog, limits: limits.mqtt, websockets: sockets.mqtt }),
    served: sockets.served,
    streams: createEventStreams(context, {
      ...parts,
      limits: websocket,
      dialect: createEventStream(parts.dialect),
    }),
  }
}

/** What is known of nodes, for those who may read it. */
function nodesBelow({
  path,
  nodes: { registry, ...known },
  autoOffOf,
}: WebSocketParts['hardware']): TalkSessionContext['nodesBelow'] {
  return function* (base, rights) {
    path.settle()
    for (const node of [...registry.nodes.values()]) {
      if (!isAtOrBelow(base, node.base)) continue
      const around = { ...known, autoOffOf, nowMs: systemClock.nowMs() }
      for (const details of readableNodes([node], rights(), around)) {
        yield Payload.ofValue(details)
      }
    }
  }
}

/** Three kinds, pinged by one timer. */
function openSockets({ websocket }: Limits, { onClose, ...parts }: WebSocketParts) {
  const { messageBytes } = websocket
  const heartbeat = createHeartbeat({ ...parts, limits: websocket })
  onClose(heartbeat.close)
  const context = { ...parts, heartbeat }
  const talk = createWebSockets({ messageBytes, handleProtocols: chooseTalk }, context)
  onClose(talk.close, 'websockets')
  // [MQTT-6.0.0-2] Packets begin and end anywhere in messages: how large one is says nothing.
  const mqtt = createWebSockets({ messageBytes: undefined, handleProtocols: chooseMqtt }, context)
  const served = createServedWebSockets({ messageBytes }, context)
  onClose(served.close, 'websockets')
  return { talk, mqtt, served }
}
