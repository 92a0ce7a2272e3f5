/**
 * The composition root. `openParts` is the table of contents of a hub: each part is opened with those above
 * it, and all are closed in reverse.
 */

import type { Logger } from 'pino'
import { exposures } from './access/exposure.ts'
import { type OpenAccess, openAccess } from './access/open-access.ts'
import { heardBy, openSecurityLog } from './access/security-log.ts'
import { aboutRoutes } from './api/about-routes.ts'
import { alarmRoutes } from './api/alarm-routes.ts'
import { type AsUser, createAsUser } from './api/as-user.ts'
import { banRoutes } from './api/ban-routes.ts'
import { commandLogRoutes, commandRoute } from './api/command-routes.ts'
import { connectionRoutes } from './api/connection-routes.ts'
import { dashboardRoutes } from './api/dashboard.ts'
import { historyRoute } from './api/history-route.ts'
import { pageFiles } from './api/html-page.ts'
import { keptRoutes } from './api/kept-routes.ts'
import { labelRoute } from './api/label-route.ts'
import { lockRoutes } from './api/lock-routes.ts'
import { messageRoutes } from './api/message-routes.ts'
import { conflictsRoute, nodesRoutes } from './api/nodes-routes.ts'
import { openApiRoute } from './api/openapi-route.ts'
import {
  backupRoute,
  busRoute,
  createReadiness,
  hubsRoute,
  metricsRoute,
  probeRoutes,
  securityLogRoute,
  statusesRoute,
} from './api/operating-routes.ts'
import { clientFile, publicFileRoute } from './api/package-files.ts'
import { shareRoutes } from './api/share-routes.ts'
import { signInRoutes } from './api/sign-in-routes.ts'
import { streamRoute } from './api/stream-route.ts'
import { traceRoute } from './api/trace-route.ts'
import { userRoutes } from './api/user-routes.ts'
import { type Config, type ConfigInput, checkConfig } from './config.ts'
import { type Closers, createClosers, createListeners } from './core/callbacks.ts'
import { followDefects } from './core/guard.ts'
import { openLog } from './core/log.ts'
import { createConnectionShares } from './core/memory-budget.ts'
import { watchProcess } from './core/process-watch.ts'
import { readRelease } from './core/release.ts'
import type { Route } from './core/route.ts'
import {
  type Counters,
  createCounters,
  createSampledLog,
  defectsTo,
  warnRepeatedly,
} from './core/sampled-log.ts'
import { Trace } from './core/trace.ts'
import { createClownTalk } from './dialects/clown-talk.ts'
import { createForgetUser } from './forget-user.ts'
import { hardwareProfiles } from './hardware-profiles.ts'
import type { HttpServerOptions } from './http/http-server.ts'
import type { DialectPlace, Ports } from './hub-ports.ts'
import type { Metrics } from './metrics/metrics.ts'
import { openRecording, type Recording } from './nodes/history/open-recording.ts'
import type { MessagePath } from './nodes/message-path.ts'
import { type Hardware, openHardware } from './nodes/open-hardware.ts'
import { type Notify, openNotify } from './notify/open-notify.ts'
import { type OpenBus, openBus } from './open-bus.ts'
import { openMdns } from './open-mdns.ts'
import { openMetricsPort, openPorts } from './open-ports.ts'
import { type OpenUpstreams, openUpstreams } from './open-upstreams.ts'
import { hubMetrics, tellStart, traceEnds } from './operations.ts'
import { openAnnouncements } from './profiles/home-assistant/announcements.ts'
import { createReload, type Reloaded } from './reload.ts'
import { type OpenedDialects, openServedDialects } from './served-dialects.ts'
import { backupLines } from './store/backup.ts'
import { openTimedJournal } from './store/journal.ts'
import { openStore } from './store/open-store.ts'
import { openNightlyBackup } from './whole-backup.ts'
import { createLinkTraffics } from './ws/link-traffic.ts'
import { type OpenWebSockets, openWebSockets } from './ws/open-websockets.ts'

/** A running hub. */
export interface Hub extends Ports {
  /** Where the languages of other systems are served, in the order of the config. */
  readonly dialects: readonly DialectPlace[]
  /** How often each odd thing happened since the start. */
  counters(): Record<string, number>
  /**
   * Takes what has changed in the configuration that `read` returns, and in the files it names, without cutting anybody.
   * Undefined for one that is not in order: the log says why, and the old one stays.
   */
  reload(read: () => ConfigInput): Promise<Reloaded | undefined>
  /** Says goodbye to every client and frees the ports. Calling it again waits for the same end. */
  close(): Promise<void>
}

export interface HubOptions {
  /** Where log lines go; without it, standard error at the configured level, as `openLog` has it. */
  readonly log?: Logger
  /** What else is open here: logged at the start and once a minute, as what the config leaves open. */
  readonly warnings?: readonly string[]
  /** Where the configuration was read, for nightly backups. */
  readonly configFile?: string
  /** Everybody knows the passwords: pages of foreign origins may not sign in, whatever they give. */
  readonly isLab?: boolean
  /** How often is looked for what Home Assistant is to be told: every 2 seconds, unless somebody waits for it. */
  readonly announceEveryMs?: number
}

/** Service managers and Docker kill a hub that takes longer than 10 s, and it can say nothing then. */
const mostEndingMs = 8000

/**
 * Starts a hub: opens everything in order, and closes it in reverse.
 *
 * @throws HubError `bad-config`, `unreadable-file`, `exposed-secret`, `cannot-open-store` or
 * `cannot-listen`; nothing is left open then.
 */
export async function startHub(input: ConfigInput, options: HubOptions = {}): Promise<Hub> {
  const oldNames: string[] = []
  // A copy, since limits may change inside of it while the hub runs.
  const config = structuredClone(checkConfig(input, {}, (sentence) => oldNames.push(sentence)))
  const ending = new AbortController()
  const counters = createCounters()
  const log = options.log ?? openLog(config.log.level, () => counters.count('log-lines-lost'))
  const closers = createClosers({ mostMs: mostEndingMs, log })
  const close = () => {
    ending.abort()
    return closers.closeAll()
  }
  try {
    for (const sentence of oldNames) log.warn({ event: 'old-name' }, sentence)
    const { configFile, announceEveryMs } = options
    const isLab = options.isLab === true
    const looks = createListeners<[]>()
    const onClose = closers.add
    const life = {
      ...{ log, counters, onClose, onLook: looks.add, ending: ending.signal, isLab, configFile },
      announceEveryMs,
    }
    const { ports, dialects, ...live } = await openParts(config, life)
    const reload = createReload(config, { log, look: looks.tell, ...live })
    closers.add(warnRepeatedly(log, [...exposures(config), ...(options.warnings ?? [])]))
    return { ...ports, dialects, counters: counters.snapshot, reload, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface Life {
  readonly log: Logger
  readonly counters: Counters
  readonly onClose: Closers['add']
  /** Calls `look` when files are to be read anew. */
  onLook(look: () => void): void
  /** Aborts before the first thing is closed: nobody may wait for a disk any more. */
  readonly ending: AbortSignal
  readonly isLab: boolean
  readonly configFile: string | undefined
  readonly announceEveryMs: number | undefined
}

/** What stands first is open before all others, and closed after them. */
async function openParts(config: Config, life: Life) {
  const { log, onClose } = life
  const ground = await openGround(config, life)
  const { release, store, readiness } = ground

  // Who may come in.
  const access = await openAccess(config, ground)
  life.onLook(access.directory.look)
  const { ofRequest, forwarding } = access
  onClose(traceEnds(access.signedIn, ground.trace))
  const asUser = createAsUser(ofRequest, { ...ground, ...access, ...forwarding })

  // What outlives the hub: before anything is acknowledged it is noted in the journal, and on disk.
  const journal = await openTimedJournal(store)
  onClose(journal.close, 'journal')
  const recording = await openRecording(config, { ...ground, journal })

  // The bus, and the message path, which is of hardware: what enters by the broker takes the path, and the
  // path leads to the bus. What is acknowledged until the last connection has ended is recorded as well.
  let path: MessagePath | undefined
  onClose(() => path?.close())
  // Nothing comes in before the ports are open.
  const own = await openBus(config, { ...ground, access, journal, hardware: () => hardware })
  onClose(own.close, 'bus')
  const { bus, handle, recall, hubs } = own
  const inner = { ...ground, access, asUser, recording, bus, handle, recall, hubs }
  const upstreams = openUpstreams(config, inner)
  const profiles = [...hardwareProfiles(config), ...upstreams.profiles]
  const hardware = await openHardware(config, { ...inner, journal, profiles })
  path = hardware.path
  await own.connect()

  // The edges: websockets, languages of other systems, requests, ports.
  const dialect = createClownTalk({ ...ground, limits: config.limits })
  const websockets = openWebSockets(config.limits, { ...inner, hardware, dialect })
  const served = { ...inner, hardware, state: readiness.state, websockets: websockets.served }
  const dialects = await openServedDialects(config, served)
  const notify = await openNotify(config.notify, { ...inner, hardware })
  const metrics = hubMetrics({ ...inner, ...own, hardware, notify, upstreams })
  onClose(metrics.close)
  const edges = { ...inner, hardware, websockets, dialects, metrics, notify, own, upstreams }
  const routeOf = routesOf(config, edges)
  const requests = { ...ground, ...access, limits: config.limits.http, routeOf }
  const ports = await openPorts(config, { ...inner, requests })
  await openMetricsPort(config, { ...inner, requests, metrics })
  await openMdns(config, ports, ground)
  const places = await dialects.listen(requests)
  onClose(upstreams.start())
  onClose(openNightlyBackup(config, ground))
  onClose(openAnnouncements(config, { ...ground, bus, nodes: hardware.nodes }))
  // First of all.
  onClose(hardware.endCommands)
  readiness.started(() => bus.refusalOf('any')?.message)
  tellStart(ground.securityLog, config, release.version)
  log.info({ event: 'hub-running', version: release.version, ...ports }, 'the hub is running')
  return { ports, dialects: places, setInlineUsers: access.setInlineUsers, notify }
}

type Ground = Awaited<ReturnType<typeof openGround>>

/** What everything else stands on, and what refuses work when there is too much of it. */
async function openGround(config: Config, life: Life) {
  const { data, limits } = config
  const { log, counters, onClose, ending } = life
  const odd = createSampledLog(log, counters)
  onClose(followDefects(defectsTo(odd)))
  const securityLog = await openSecurityLog({ file: config.log.securityFile, sampledLog: odd })
  onClose(securityLog.close)
  const sampledLog = heardBy(securityLog, odd)
  const store = await openStore(data.folder, { limits: limits.store, sampledLog, ending })
  onClose(store.close, 'store')
  const load = watchProcess({ limits, sampledLog })
  onClose(load.close)
  const { isShortOfMemory, isOverloaded } = load
  return {
    ...life,
    ...{ sampledLog, securityLog, store, load, isShortOfMemory },
    trace: new Trace(),
    ...createConnectionShares(limits.memory),
    linkTraffics: createLinkTraffics(),
    release: readRelease(),
    readiness: createReadiness({ storeError: store.error, isOverloaded, ending }),
  }
}

interface Routed extends Ground {
  readonly bus: OpenBus['bus']
  readonly access: OpenAccess
  readonly asUser: AsUser
  readonly recording: Recording
  readonly hardware: Hardware
  readonly websockets: OpenWebSockets
  readonly dialects: OpenedDialects
  readonly metrics: Metrics
  readonly notify: Notify
  readonly own: Pick<OpenBus, 'state' | 'hubs' | 'bridges' | 'endSessionsOf' | 'retainedOf'>
  readonly upstreams: Pick<OpenUpstreams, 'statuses'>
}

/** The route of each path. */
function routesOf(config: Config, parts: Routed): HttpServerOptions['routeOf'] {
  const { access, asUser, hardware, dialects, websockets } = parts
  const { clientAddress } = access.forwarding
  const fixed = new Map<string, Route>([
    ...dashboardRoutes(),
    ...pageFiles,
    ...ownRoutes(config, parts),
    ...hardwareRoutes(config, parts),
    ...dialects.pages,
    ...(websockets.mqtt === undefined ? [] : [['/mqtt', websockets.mqtt] as const]),
    ['/api/stream', streamRoute({ asUser, clientAddress, open: websockets.streams.open })],
  ])
  const { path, nodes, autoOffOf } = hardware
  const ofNodes = nodesRoutes({ ...nodes, autoOffOf, asUser, settle: path.settle })
  return (path) => fixed.get(path) ?? ofNodes(path) ?? dialects.api(path) ?? websockets.talk(path)
}

/** What is asked of the hub itself: who is signed in, whether it is well, all that it keeps. */
function ownRoutes(config: Config, parts: Routed): [path: string, route: Route][] {
  const { access, asUser, load, counters, store, readiness, release, dialects, securityLog } = parts
  const { version } = release
  const { limits } = config
  const { passwordBytes } = limits.mqtt
  const health = () => ({
    version,
    overloaded: load.isOverloaded(),
    counters: counters.snapshot(),
  })
  const lines = config.data.folder ? () => backupLines(store) : undefined
  const signOutEverywhere = (user: string) => {
    access.signOutEverywhere(user)
    dialects.endKeysOf(user)
  }
  return [
    ['/client.js', publicFileRoute(clientFile)],
    ['/api/openapi.json', openApiRoute(version)],
    ...signInRoutes({
      ...{ ...access, asUser, signOutEverywhere, securityLog },
      ...{ passwordBytes, jsonLimits: limits.json },
    }),
    ...userRoutes({ asUser, directory: access.ownUsers, passwordBytes, jsonLimits: limits.json }),
    ...connectionRoutes({ ...access, asUser, signOutEverywhere, jsonLimits: limits.json }),
    ...aboutRoutes({ asUser, version, config, counters, dialects: dialects.places }),
    ['/api/security-log', securityLogRoute({ asUser, securityLog })],
    ...alarmRoutes({ asUser, alarms: parts.notify, jsonLimits: limits.json }),
    ...shareRoutes({ asUser, links: access.links, jsonLimits: limits.json }),
    ...banRoutes({ ...access, ...access.forwarding, asUser, jsonLimits: limits.json }),
    ['/api/backup', backupRoute({ asUser, lines })],
    ['/metrics', metricsRoute(parts.metrics, asUser)],
    ['/api/bus', busRoute({ asUser, state: parts.own.state })],
    ...hubsRoute(parts.own.hubs, asUser),
    ['/api/bridges', statusesRoute('bridges', { asUser, ...parts.own.bridges })],
    ['/api/upstreams', statusesRoute('upstreams', { asUser, ...parts.upstreams })],
    ...probeRoutes({ health, unready: readiness.unready }),
  ]
}

/** What is asked of hardware: commands, locks, what was commanded, what quantities were. */
function hardwareRoutes({ limits }: Config, parts: Routed): [path: string, route: Route][] {
  const { access, asUser, hardware, recording, sampledLog, trace } = parts
  const { path, auditLog, lockOuts, history, changes } = hardware
  const { clientAddress } = access.forwarding
  const { topic: topicLimits, json: jsonLimits } = limits
  const { signedIn } = access
  const { recorder, questions } = recording
  return [
    ['/api/trace', traceRoute({ asUser, trace })],
    ['/api/command', commandRoute({ asUser, clientAddress, jsonLimits, enter: path.enter })],
    ...messageRoutes({ ...parts, ...path, clientAddress, jsonLimits }),
    ...keptRoutes({ asUser, changes, users: createForgetUser(parts), jsonLimits }),
    ['/api/label', labelRoute({ asUser, changes, jsonLimits })],
    ['/api/conflicts', conflictsRoute({ asUser, conflicts: hardware.nodes.conflicts })],
    ...lockRoutes({ asUser, lockOuts, changes, jsonLimits }),
    ...commandLogRoutes({ asUser, auditLog, topicLimits }),
    [
      '/api/history',
      historyRoute({
        ...{ asUser, signedIn, history, recorder, questions },
        ...{ topicLimits, sampledLog },
      }),
    ],
  ]
}
