/** The bridges to other brokers, as the configuration has them. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { createOutsider } from './access/sender.ts'
import type { UserDirectory } from './access/user.ts'
import type { Bridge, BridgeStatus } from './bridges/bridge.ts'
import { storedWaiting } from './bridges/bridge-queue.ts'
import { nameOf } from './bridges/check-bridges.ts'
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import { readingFirst, systemClock } from './core/clock.ts'
import { Payload } from './core/payload.ts'
import type { SampledLog } from './core/sampled-log.ts'
import type { Recalled } from './mqtt/session.ts'
import type { Hardware } from './nodes/open-hardware.ts'
import type { Journal } from './store/journal.ts'

export interface OpenBridges {
  statuses(): readonly BridgeStatus[]
  /** A message is not to arrive any more. */
  recall(message: Pick<Recalled, 'topic'>): void
  /** Connects to all of them. */
  start(): void
  /** To be called when nothing is acknowledged any more. */
  close(): Promise<void>
}

interface BridgesParts {
  readonly bus: Bus
  readonly journal: Journal
  readonly access: { readonly directory: Pick<UserDirectory, 'find' | 'edition'> }
  hardware(): Pick<Hardware, 'path'>
  readonly log: Logger
  readonly sampledLog: SampledLog
}

/** What is acknowledged from now on, and is to go over a bridge, waits for it. How each is stands on `$SYS/hub/bridges/<name>`. */
export async function openBridges(config: Config, parts: BridgesParts): Promise<OpenBridges> {
  const bridges = await bridgesOf(config, parts)
  await restore(bridges, parts)
  for (const bridge of bridges) bridge.listen()
  return {
    statuses: () => bridges.map(({ status }) => status),
    recall: ({ topic }) => {
      for (const bridge of bridges) bridge.recall(topic)
    },
    start: () => {
      for (const bridge of bridges) bridge.start()
    },
    close: async () => {
      await Promise.all(bridges.map((bridge) => bridge.close()))
    },
  }
}

async function bridgesOf({ bridges, limits }: Config, parts: BridgesParts): Promise<Bridge[]> {
  if (bridges.length === 0) return []
  // Nobody else has to wait for what it loads.
  const { Bridge } = await import('./bridges/bridge.ts')
  const { bus, access, hardware, log } = parts
  return bridges.map((settings, at) => {
    const bridge: Bridge = new Bridge({
      ...{ ...parts, settings, limits, clock: readingFirst(systemClock) },
      place: `bridges.${at}`,
      clientId: `clown-hub-${randomBytes(4).toString('hex')}`,
      enter: (message, sender) => hardware().path.enter(message, sender),
      commander: createOutsider(access.directory, settings.commandUser, 'bridge'),
      log: log.child({ bridge: nameOf(settings) }),
      changed: () => {
        const { status } = bridge
        const payload = Payload.ofValue(status)
        const topic = `$SYS/hub/bridges/${bridge.name}`
        bus.publish({ topic, payload, qos: 0, retain: true })
      },
    })
    return bridge
  })
}

/** What waits for a bridge that is in no configuration any more goes nowhere. */
async function restore(
  bridges: readonly Bridge[],
  { journal, log }: Pick<BridgesParts, 'journal' | 'log'>,
): Promise<void> {
  const gone = new Map<string, number>()
  for await (const { name, number, record, key } of storedWaiting(journal)) {
    const bridge = bridges.find((each) => each.name === name)
    if (bridge !== undefined) bridge.restore(number, record)
    else {
      journal.note(key, undefined)
      gone.set(name, (gone.get(name) ?? 0) + 1)
    }
  }
  for (const [bridge, messages] of gone) {
    const text = 'what waited for a bridge is dropped: it is in the configuration no more'
    log.warn({ event: 'bridge-gone', bridge, messages }, text)
  }
}
