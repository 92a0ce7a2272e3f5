/** Which bus there is: our own broker, or one that somebody else runs. Nothing else of the hub knows. */
import type { OpenAccess } from './access/open-access.ts'
import type { BusState } from './bus/foreign/foreign-bus.ts'
import type { Hubs } from './bus/foreign/hubs.ts'
import type { Config } from './config.ts'
import { readingFirst, systemClock } from './core/clock.ts'
import type { Message } from './core/message.ts'
import { type Broker, type BrokerOptions, openBroker } from './mqtt/broker.ts'
import { emptyBroker } from './mqtt/statistics.ts'
import type { Hardware } from './nodes/open-hardware.ts'
import { type OpenBridges, openBridges } from './open-bridges.ts'

type Ground =
  | 'newInboundShare'
  | 'newOutboundShare'
  | 'release'
  | 'log'
  | 'sampledLog'
  | 'journal'
  | 'trace'

interface BusParts extends Pick<BrokerOptions, Ground> {
  readonly access: OpenAccess
  hardware(): Pick<Hardware, 'path' | 'nodes'>
}

/** The bus, and what there is of a broker of our own. */
export interface OpenBus
  extends Pick<Broker, 'bus' | 'recall' | 'close' | 'endSessionsOf' | 'retainedOf'> {
  /** Takes over what is to speak MQTT; undefined where that is the business of another broker. */
  readonly handle: Broker['handle'] | undefined
  /** Resolves once the bus is there, or has to be waited for. */
  connect(): Promise<void>
  /** What there is now of our own broker, and what has come and gone. */
  readonly broker: Pick<Broker, 'state' | 'kindsOfTraffic'>
  /** How a broker is that somebody else runs. */
  readonly state: (() => BusState) | undefined
  /** The other hubs before that broker; undefined where there are none. */
  readonly hubs: Hubs | undefined
  /** From a broker of our own to others. */
  readonly bridges: Pick<OpenBridges, 'statuses'>
}

export async function openBus(config: Config, parts: BusParts): Promise<OpenBus> {
  if (config.bus !== undefined) return openForeignBus(config.bus, config, parts)
  const { access, hardware } = parts
  const broker = await openBroker({
    ...{ ...parts, ...access },
    enter: (message, sender) => hardware().path.enter(message, sender),
    understood: access.limiter.understood,
    onTakenOver: (client) => hardware().nodes.conflicts.takenOver(client),
    clientAddress: access.forwarding.clientAddress,
    foreignOriginOf: access.origins.foreignOf,
    limits: config.limits,
    settings: config.mqtt,
  })
  access.knownUsers.onChange((name, change) => {
    if (change === 'gone') broker.endSessionsOf(name)
  })
  const bridges = await openBridges(config, { ...parts, bus: broker.bus })
  return {
    ...{ ...broker, broker, bridges, state: undefined, hubs: undefined },
    connect: async () => bridges.start(),
    recall: (message) => {
      broker.recall(message)
      bridges.recall(message)
    },
    // What is acknowledged to the last is to go over a bridge as well.
    close: async () => {
      await broker.close()
      await bridges.close()
    },
  }
}

async function openForeignBus(
  settings: NonNullable<Config['bus']>,
  { limits, profiles }: Config,
  { log, sampledLog, trace, hardware }: BusParts,
): Promise<OpenBus> {
  // Nobody else has to wait for what it loads.
  const { ForeignBus } = await import('./bus/foreign/foreign-bus.ts')
  const overheard = (message: Message) => hardware().path.overheard(message)
  const clock = readingFirst(systemClock)
  const about = { settings, limits, toldBelow: profiles.prefix, overheard, clock }
  const bus = new ForeignBus({ ...about, log, sampledLog, trace })
  return {
    bus,
    hubs: bus.hubs,
    bridges: { statuses: () => [] },
    handle: undefined,
    // Of a broker that is not ours nobody here knows more.
    broker: { state: () => emptyBroker, kindsOfTraffic: () => [] },
    recall: ({ topic }) => bus.recall(topic),
    endSessionsOf: () => 0,
    retainedOf: () => [],
    connect: () => bus.open(),
    state: () => bus.state,
    close: () => bus.close(),
  }
}
