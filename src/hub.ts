import type { Logger } from 'pino'
import { createSignIn } from './access/sign-in.ts'
import { openBroker } from './bus/broker.ts'
import { listenForMqtt } from './bus/mqtt-listener.ts'
import { type Config, type ConfigInput, checkConfig } from './config.ts'
import { createCounters } from './core/counters.ts'
import { openLog } from './core/log.ts'
import { readRelease } from './core/release.ts'
import { createSampledLog } from './core/sampled-log.ts'
import { createClownTalk } from './dialects/clown-talk.ts'
import { createAdmission } from './nodes/admission.ts'
import { loadClownModel } from './nodes/clown-model.ts'
import { keepLastValues } from './nodes/last-values.ts'
import { createAudiences } from './transports/audiences.ts'
import { openHttpServer } from './transports/http-server.ts'
import { chooseMqtt, mqttRoute } from './transports/mqtt-route.ts'
import { createRoutes } from './transports/routes.ts'
import { talkRoute } from './transports/talk-route.ts'
import { createWebSockets } from './transports/websockets.ts'

/** A running hub. */
export interface Hub {
  /** The ports it listens on, also where the config said 0. */
  readonly httpPort: number
  readonly mqttPort: number
  /** How often each odd thing happened since the start. */
  counters(): Record<string, number>
  /** Says goodbye to every client and frees the ports. Calling it again waits for the same end. */
  close(): Promise<void>
}

export interface HubOptions {
  /** Where log lines go; without it, JSON lines on standard error at the configured level. */
  readonly log?: Logger
}

/**
 * Starts a hub: opens everything in order, and closes it in reverse.
 *
 * @throws HubError `bad-config`, `unreadable-file` or `cannot-listen`; nothing is left open then.
 */
export async function startHub(input: ConfigInput, options: HubOptions = {}): Promise<Hub> {
  const config = checkConfig(input)
  const opened: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const closeOne of opened.splice(0).reverse()) await closeOne()
  }
  try {
    const log = options.log ?? openLog(config.log.level)
    const { ports, counters } = await openAll(config, log, (closeOne) => opened.push(closeOne))
    let closing: Promise<void> | undefined
    const closeOnce = () => {
      closing ??= close()
      return closing
    }
    return { ...ports, counters: counters.snapshot, close: closeOnce }
  } catch (error) {
    await close()
    throw error
  }
}

async function openAll(
  config: Config,
  log: Logger,
  onClose: (closeOne: () => Promise<void> | void) => void,
) {
  const release = readRelease()
  const counters = createCounters()
  const sampledLog = createSampledLog(log, counters)
  const admit = createAdmission(loadClownModel(), sampledLog)
  const signIn = createSignIn(config.users)

  const broker = await openBroker({ signIn, admit, log, sampledLog })
  onClose(broker.close)
  const { bus } = broker
  const lastValues = keepLastValues(bus)
  onClose(lastValues.close)

  const talkSockets = createWebSockets({ maxPayload: 64 * 1024 })
  const mqttSockets = createWebSockets({ handleProtocols: chooseMqtt })
  const context = {
    bus,
    admit,
    log,
    audiences: createAudiences(bus),
    lastValuesBelow: lastValues.below,
  }
  const talk = {
    dialect: createClownTalk(release),
    context,
    signIn,
    websockets: talkSockets,
    sampledLog,
  }
  onClose(talkSockets.close)

  const http = await openHttpServer({
    ...config.http,
    knownHosts: config.http.hosts,
    routeOf: createRoutes({
      talk: (base) => talkRoute(base, talk),
      mqtt: mqttRoute(mqttSockets, broker.handle),
      health: () => ({ version: release.version, counters: counters.snapshot() }),
    }),
  })
  onClose(http.close)
  const mqtt = await listenForMqtt(config.mqtt, broker.handle)
  onClose(mqtt.close)
  const ports = { httpPort: http.port, mqttPort: mqtt.port }
  log.info({ version: release.version, ...ports }, 'the hub is running')
  return { ports, counters }
}
