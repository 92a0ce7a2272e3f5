import type { Logger } from 'pino'
import { type ConnectionLimiter, createConnectionLimiter } from './access/connection-limiter.ts'
import { createForwarding, type Forwarding } from './access/forwarding.ts'
import { createOrigins } from './access/origin.ts'
import { openAccessControl } from './access-control.ts'
import { homePage } from './api/home-page.ts'
import { pageFiles } from './api/html-page.ts'
import { backupRoute, probeRoutes } from './api/operating-routes.ts'
import type { Bus } from './bus/bus.ts'
import { type Config, type ConfigInput, checkConfig } from './config.ts'
import { createByteBudget, type NewShare } from './core/byte-budget.ts'
import { type Closers, createClosers, createEndOfTick } from './core/callbacks.ts'
import { openLog } from './core/log.ts'
import { maxOpenFiles, type ProcessWatch, watchProcess } from './core/process-watch.ts'
import { type Release, readRelease } from './core/release.ts'
import type { Route } from './core/route.ts'
import {
  type Counters,
  createCounters,
  createSampledLog,
  type SampledLog,
  warnRepeatedly,
} from './core/sampled-log.ts'
import { createClownTalk } from './dialects/clown-talk.ts'
import { exposures } from './exposure.ts'
import { openHardware } from './hardware.ts'
import { type Broker, openBroker } from './mqtt/broker.ts'
import { createClownBases } from './nodes/clown-bases.ts'
import { createClownModel } from './nodes/clown-model.ts'
import type { MessagePath } from './nodes/message-path.ts'
import { openPorts, type Ports } from './ports.ts'
import { createReadiness, type Readiness, readinessStateOf } from './readiness.ts'
import { openRecording } from './recording.ts'
import { type DialectPlace, openServedDialects } from './served-dialects.ts'
import { backupLines } from './store/backup.ts'
import { openStore } from './store/open-store.ts'
import type { Store } from './store/store.ts'
import { createAudiences } from './ws/audiences.ts'
import { chooseMqtt, mqttRoute } from './ws/mqtt-route.ts'
import { createServedWebSockets } from './ws/served-route.ts'
import { chooseTalk, talkRoutes } from './ws/talk-route.ts'
import { openTalkSession, type TalkSessionOptions } from './ws/talk-session.ts'
import { createHeartbeat, createWebSockets } from './ws/websockets.ts'

/** A running hub. */
export interface Hub extends Ports {
  /** Where the languages of other systems are served, in the order of the config. */
  readonly dialects: readonly DialectPlace[]
  /** How often each odd thing happened since the start. */
  counters(): Record<string, number>
  /** Says goodbye to every client and frees the ports. Calling it again waits for the same end. */
  close(): Promise<void>
}

export interface HubOptions {
  /** Where log lines go; without it, standard error at the configured level, as `openLog` has it. */
  readonly log?: Logger
  /** What else is open here: logged at the start and once a minute, as what the config leaves open. */
  readonly warnings?: readonly string[]
  /** Everybody knows the passwords: pages of foreign origins may not sign in, whatever they give. */
  readonly isLab?: boolean
}

/**
 * Starts a hub: opens everything in order, and closes it in reverse.
 *
 * @throws HubError `bad-config`, `unreadable-file`, `exposed-secret`, `cannot-open-store` or
 * `cannot-listen`; nothing is left open then.
 */
export async function startHub(input: ConfigInput, options: HubOptions = {}): Promise<Hub> {
  const oldNames: string[] = []
  const config = checkConfig(input, {}, (sentence) => oldNames.push(sentence))
  const closers = createClosers()
  const ending = new AbortController()
  const close = () => {
    ending.abort()
    return closers.closeAll()
  }
  try {
    const log = options.log ?? openLog(config.log.level)
    for (const sentence of oldNames) log.warn(sentence)
    const life = { onClose: closers.add, ending: ending.signal, isLab: options.isLab === true }
    const { ports, dialects, counters } = await openAll(config, log, life)
    closers.add(warnRepeatedly(log, [...exposures(config), ...(options.warnings ?? [])]))
    return { ...ports, dialects, counters: counters.snapshot, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface Life {
  readonly onClose: Closers['add']
  /** Aborts before the first thing is closed: nobody may wait for a disk any more. */
  readonly ending: AbortSignal
  readonly isLab: boolean
}

async function openAll(config: Config, log: Logger, life: Life) {
  const { onClose } = life
  const release = readRelease()
  const { counters, sampledLog, store, readiness } = await openGround(config, log, life)
  const logs = { log, counters, sampledLog }
  const { watch, limiter, bases, model, ...memory } = openProtection(config, logs)
  onClose(watch.close)
  const rules = openRequestRules(config, life)
  const { clientAddress } = rules.forwarding
  const access = await openAccessControl(config, { ...rules, log, sampledLog, onClose })

  const broker = await openBroker({
    ...access,
    ...memory,
    // Nothing comes in before the ports are open.
    admit: (message, sender) => hardware.path.enter(message, sender),
    understood: limiter.understood,
    mayEnter: limiter.signedIn,
    clientAddress,
    foreignOriginOf: rules.origins.foreignOf,
    limits: config.limits,
    settings: config.mqtt,
    ...{ release, store, log, sampledLog },
  })
  onClose(broker.close)
  const { bus, handle } = broker
  const common = { bus, access, clientAddress, log, sampledLog, counters, onClose, ...memory }
  let path: MessagePath | undefined
  const recording = await openRecording(config, {
    ...common,
    store,
    journal: broker.journal,
    settle: () => path?.settle(),
  })
  // What is acknowledged until then is recorded as well.
  onClose(() => path?.close())
  onClose(broker.closeConnections)
  const toLearn = { store, bases, model, recorder: recording.recorder, load: watch }
  const hardware = await openHardware(config, { ...common, ...toLearn })
  path = hardware.path
  const known = { release, hardware, recording, limiter, handle }
  const edges = await openEdges(config, { ...common, ...rules, ...known, store, readiness, watch })
  readiness.started()
  log.info({ version: release.version, ...edges.ports }, 'the hub is running')
  return { ...edges, counters }
}

interface EdgeParts extends WebSocketParts, ReturnType<typeof openRequestRules> {
  readonly store: Store
  readonly readiness: Readiness
  readonly watch: ProcessWatch
  readonly counters: Counters
}

/** Where clients come in that do not speak MQTT on a port of its own. */
async function openEdges(config: Config, parts: EdgeParts) {
  const { access, hardware, recording, store, readiness, watch, counters, release } = parts
  const { version } = release
  const { served, talk, mqtt } = openWebSocketRoutes(config, parts)
  const state = () => readinessStateOf(readiness, watch)
  const dialects = await openServedDialects(config, { ...parts, state, websockets: served })
  const health = () => ({
    version,
    overloaded: watch.isOverloaded(),
    counters: counters.snapshot(),
  })
  const fixed = new Map<string, Route>([
    ['/', homePage({ ...parts, ...access, version })],
    ...pageFiles,
    ...access.pages,
    ...hardware.pages,
    ...dialects.pages,
    recording.page,
    backupPage(config, access, store),
    ...probeRoutes({ health, unready: readiness.unready }),
    ['/mqtt', mqtt],
  ])
  const routeOf = (path: string) =>
    fixed.get(path) ?? hardware.api(path) ?? dialects.api(path) ?? talk(path)
  const requests = { ...parts, limits: config.limits.http, routeOf }
  const ports = await openPorts(config, { ...parts, requests })
  return { ports, dialects: await dialects.listen(requests) }
}

/** Of bytes that many hold at once. */
interface Memory {
  isShortOfMemory(): boolean
  readonly newInboundShare: NewShare
  readonly newOutboundShare: NewShare
}

interface WebSocketParts extends Memory {
  readonly bus: Bus
  readonly access: Awaited<ReturnType<typeof openAccessControl>>
  readonly hardware: Awaited<ReturnType<typeof openHardware>>
  readonly recording: Awaited<ReturnType<typeof openRecording>>
  readonly limiter: ConnectionLimiter
  readonly handle: Broker['handle']
  readonly release: Release
  readonly clientAddress: Forwarding['clientAddress']
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

/** The routes of the websockets that talk to the hub, and of those that carry MQTT. */
function openWebSocketRoutes({ limits }: Config, parts: WebSocketParts) {
  const { bus, access, hardware, recording, limiter, handle, release, log, sampledLog } = parts
  const { talkSockets, mqttSockets, served } = openWebSockets(limits, parts)
  const frameBytes = limits.websocket.messageBytes
  const endOfTick = createEndOfTick()
  const context = {
    bus,
    enter: hardware.path.enter,
    log,
    frameBytes,
    signedIn: access.signedIn,
    audiences: createAudiences({ bus, endOfTick, log, frameBytes }),
    lastValuesBelow: hardware.lastValuesBelow,
    answering: recording.answering(hardware.answering),
  }
  const talk = {
    dialect: createClownTalk({ release, limits, sampledLog }),
    openSession: (options: TalkSessionOptions) => openTalkSession(context, options),
    signIn: access.ways,
    authorizeConnection: limiter.signedIn,
    clientAddress: parts.clientAddress,
    websockets: talkSockets,
    newOutboundShare: parts.newOutboundShare,
    isShortOfMemory: parts.isShortOfMemory,
    endOfTick,
    limits: limits.websocket,
    log,
    sampledLog,
  }
  return {
    talk: talkRoutes(talk),
    mqtt: mqttRoute({ websockets: mqttSockets, limits: limits.mqtt, sampledLog, handle }),
    served,
  }
}

/** What everything else stands on. The store is open before all others, and closed after them. */
async function openGround({ data, limits }: Config, log: Logger, { onClose, ending }: Life) {
  const counters = createCounters()
  const sampledLog = createSampledLog(log, counters)
  const store = await openStore(data.folder, { limits: limits.store, sampledLog, ending })
  onClose(store.close)
  return { counters, sampledLog, store, readiness: createReadiness(store, ending) }
}

function backupPage({ data }: Config, { asUser }: WebSocketParts['access'], store: Store) {
  const lines = data.folder ? () => backupLines(store) : undefined
  return ['/api/backup', backupRoute({ asUser, lines })] as const
}

/** Which requests are meant for us, and whose they are. */
function openRequestRules({ http }: Config, { isLab }: Pick<Life, 'isLab'>) {
  const { origins: listed, trustProxy, pathPrefix, hosts: knownHosts } = http
  const forwarding = createForwarding(trustProxy)
  return { pathPrefix, knownHosts, forwarding, origins: createOrigins({ listed, isLab }) }
}

interface Logs {
  readonly log: Logger
  readonly counters: Counters
  readonly sampledLog: SampledLog
}

/** What refuses work when there is too much of it, so that the hub goes on with what it has. */
function openProtection(config: Config, logs: Logs) {
  const { limits } = config
  const { sampledLog } = logs
  const watch = watchProcess({ limits, sampledLog })
  const { isShortOfMemory } = watch
  const limiter = createConnectionLimiter({
    limits: limits.connections,
    maxOpenFiles: maxOpenFiles(),
    isShortOfMemory,
    sampledLog,
  })
  const bases = createClownBases(config)
  const model = createClownModel(bases)
  return { watch, limiter, bases, model, isShortOfMemory, ...openShares(limits) }
}

/** What each connection may hold of what comes and of what waits for it, whatever the others do. */
const freeBytes = { inbound: 256 * 1024, outbound: 1024 * 1024 }

function openShares({ memory }: Config['limits']): Omit<Memory, 'isShortOfMemory'> {
  const mebibyte = 1024 * 1024
  const { inbound, outbound } = freeBytes
  return {
    newInboundShare: createByteBudget({
      totalBytes: memory.inboundMiB * mebibyte,
      freeBytes: inbound,
    }),
    newOutboundShare: createByteBudget({
      totalBytes: memory.outboundMiB * mebibyte,
      freeBytes: outbound,
    }),
  }
}

/** Three kinds of websockets, pinged by one timer. */
function openWebSockets(
  { websocket }: Config['limits'],
  {
    sampledLog,
    newInboundShare,
    onClose,
  }: Pick<WebSocketParts, 'sampledLog' | 'newInboundShare' | 'onClose'>,
) {
  const heartbeat = createHeartbeat({ limits: websocket, sampledLog })
  onClose(heartbeat.close)
  const context = { heartbeat, sampledLog, newInboundShare }
  const { messageBytes } = websocket
  const talkSockets = createWebSockets({ messageBytes, handleProtocols: chooseTalk }, context)
  onClose(talkSockets.close)
  // [MQTT-6.0.0-2] Packets begin and end anywhere in messages: how large one is says nothing.
  const mqttSockets = createWebSockets(
    { messageBytes: undefined, handleProtocols: chooseMqtt },
    context,
  )
  const served = createServedWebSockets({ messageBytes }, context)
  onClose(served.close)
  return { talkSockets, mqttSockets, served }
}
