/** The languages of other systems that this hub serves: the part of the composition that knows them by name. */
import type { Logger } from 'pino'
import { createNetworks } from './access/address.ts'
import { type ApiKeys, openApiKeys } from './access/api-keys.ts'
import type { OpenAccess } from './access/open-access.ts'
import { createTokenOwners } from './access/tokens.ts'
import type { AsUser } from './api/as-user.ts'
import { operationRoutes, unservedRoute } from './api/operating-routes.ts'
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import type { NewShare } from './core/byte-budget.ts'
import { type Closers, createEndOfTick } from './core/callbacks.ts'
import { systemClock } from './core/clock.ts'
import { HubError } from './core/errors.ts'
import { createLogTail } from './core/log.ts'
import type { Release } from './core/release.ts'
import type { AnyRoute, Route } from './core/route.ts'
import type { SampledLog } from './core/sampled-log.ts'
import { openDeconz } from './dialects/deconz/open.ts'
import { openJeedom } from './dialects/jeedom/open.ts'
import { openNetzer } from './dialects/netzer/open.ts'
import type {
  OpenServedDialect,
  ServedContext,
  ServedDialect,
  ServedSettings,
} from './dialects/served-dialect.ts'
import { openTvheadend } from './dialects/tvheadend/open.ts'
import { type HttpServerOptions, openHttpServer } from './http/http-server.ts'
import type { DialectPlace } from './hub-ports.ts'
import type { Hardware } from './nodes/open-hardware.ts'
import { openDeviceNumbers, roomIn } from './nodes/served/device-numbers.ts'
import { createDialectUsers, type DialectUsers } from './nodes/served/dialect-users.ts'
import { openSeenDevices } from './nodes/served/seen-devices.ts'
import type { Store } from './store/store.ts'
import type { LinkTraffics } from './ws/link-traffic.ts'
import { type ServedAccess, type ServedWebSockets, servedRoute } from './ws/served-route.ts'

/** A language that can be served. */
interface Served {
  /** As its makers write it. */
  readonly title: string
  /** Where the original listens, and a lab does. */
  readonly labPort: number
  readonly open: OpenServedDialect
}

/** Every language: a new one is one line here. */
export const servedDialects: Readonly<Record<ServedSettings['dialect'], Served>> = {
  deconz: { title: 'deCONZ', labPort: 8088, open: openDeconz },
  jeedom: { title: 'Jeedom', labPort: 8090, open: openJeedom },
  netzer: { title: 'Netzer', labPort: 8091, open: openNetzer },
  tvheadend: { title: 'Tvheadend', labPort: 9981, open: openTvheadend },
}

export function isDialect(name: string): name is ServedSettings['dialect'] {
  return Object.hasOwn(servedDialects, name)
}

export interface ServedParts {
  readonly access: OpenAccess
  readonly asUser: AsUser
  readonly hardware: Hardware
  readonly bus: Bus
  readonly store: Store
  readonly release: Release
  state: ServedContext['state']
  readonly websockets: ServedWebSockets
  readonly linkTraffics: LinkTraffics
  readonly newOutboundShare: NewShare
  isShortOfMemory(): boolean
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

export interface OpenedDialects {
  /** What operators may ask of them, by path. */
  readonly pages: ReadonlyMap<string, Route>
  /** Those that have a path in place of a port. */
  api(path: string): Route | undefined
  /** Ends the keys of a user who is gone or has signed out everywhere; returns how many those were. */
  endKeysOf(user: string): number
  /** Where each of them is, for who runs the hub. */
  places(): readonly object[]
  /** Opens the ports of the others; `requests` is how requests are served on every port. */
  listen(requests: Requests): Promise<DialectPlace[]>
}

type Requests = Omit<HttpServerOptions, 'host' | 'port' | 'settings' | 'certificate'>

interface OpenedDialect {
  readonly settings: ServedSettings
  readonly dialect: ServedDialect
  readonly keys: ApiKeys
  readonly route: AnyRoute
  /** The port it is told to be on. */
  port: number
}

/** @throws HubError `bad-config` for the addresses of guests. */
export async function openServedDialects(
  config: Config,
  parts: ServedParts,
): Promise<OpenedDialects> {
  const opened: OpenedDialect[] = []
  if (config.dialects.length > 0) {
    const ground = await openServedGround(config, parts)
    for (const settings of config.dialects) opened.push(await openOne(settings, ground))
  }
  const operated = opened.map(({ settings, dialect: { operations = new Map() } }) => ({
    dialect: settings.dialect,
    operations,
  }))
  const places: DialectPlace[] = []
  return {
    endKeysOf: (user) => opened.reduce((sum, { keys }) => sum + keys.endAllOf(user), 0),
    pages: operationRoutes(parts.asUser, operated),
    api: (path) =>
      opened.find(({ settings }) => isBelow(settings.path, path))?.route ?? unservedRoute(path),
    places: () =>
      opened.map(({ settings, dialect: { operations = new Map() } }, at) => ({
        ...places[at],
        title: servedDialects[settings.dialect].title,
        base: settings.base,
        operations: [...operations.keys()],
      })),
    listen: async (requests) => {
      for (const one of opened) places.push(await listenFor(one, requests, parts))
      return places
    },
  }
}

function isBelow(own: string | undefined, path: string): boolean {
  return own !== undefined && (path === own || path.startsWith(`${own}/`))
}

type Ground = Awaited<ReturnType<typeof openServedGround>>

/** What all of them share. */
async function openServedGround(config: Config, parts: ServedParts) {
  const { hardware, access, store, sampledLog, onClose } = parts
  const { registry, values, states, labels, onHeard, onForgotten, onOnline } = hardware.nodes
  const numbers = await openDeviceNumbers({
    store,
    // A device, its node and its room have one each.
    most: 6 * config.limits.nodes.devices,
    isInUse: (name) => {
      const room = roomIn(name)
      if (room !== undefined) return labels.isRoom(room)
      return registry.device(name) !== undefined || registry.nodes.has(name.replace(/\/?#$/, ''))
    },
    sampledLog,
  })
  const on = { heard: onHeard, forgotten: onForgotten, online: onOnline }
  const seen = await openSeenDevices({ registry, values, states, labels, numbers, on })
  onClose(seen.close)
  hardware.kept.onReplaced(seen.replaced)
  const dialectUsers = createDialectUsers({
    enter: hardware.path.enter,
    signedIn: access.signedIn,
    findUser: access.directory.find,
    clock: systemClock,
  })
  const ownerOfToken = createTokenOwners(access.directory)
  const logTail = createLogTail(parts.log)
  onClose(logTail.close)
  const keysOf = createKeysOf(config, parts)
  return { config, parts, seen, dialectUsers, keysOf, ownerOfToken, logTail }
}

/** A language has the same keys wherever it is served. */
function createKeysOf({ limits }: Config, { store, access, sampledLog }: ServedParts) {
  const { directory, knownUsers } = access
  const whose = { store, directory, knownUsers, sampledLog, clock: systemClock }
  const common = { ...whose, most: limits.dialects.keys }
  const keys = new Map<string, Promise<ApiKeys>>()
  return (name: string): Promise<ApiKeys> => {
    const opening = keys.get(name) ?? openApiKeys({ ...common, name, limits: limits.signIn })
    keys.set(name, opening)
    return opening
  }
}

async function openOne(settings: ServedSettings, ground: Ground): Promise<OpenedDialect> {
  const { config, parts, seen, keysOf, ownerOfToken, dialectUsers, logTail } = ground
  const { log, sampledLog, release, store, state, websockets, newOutboundShare, onClose } = parts
  const opened = { port: settings.path === undefined ? 0 : config.http.port }
  const keys = await keysOf(settings.dialect)
  const dialect = await servedDialects[settings.dialect].open({
    settings,
    devices: seen.below(settings.base),
    keys,
    history: parts.hardware.history,
    label: parts.hardware.changes.label,
    store,
    release,
    state,
    port: () => opened.port,
    findUser: parts.access.directory.find,
    digest: parts.access.digest,
    signedIn: parts.access.signedIn,
    bus: parts.bus,
    logTail,
    dataFolder: config.data.folder,
    limits: config.limits.dialects,
    ownerOfToken,
    clock: systemClock,
    log,
    sampledLog,
  })
  onClose(dialect.close, 'dialect')
  const route = servedRoute(dialect, {
    access: servedAccess(settings, dialectUsers, parts),
    websockets,
    linkTraffics: parts.linkTraffics,
    newOutboundShare,
    isShortOfMemory: parts.isShortOfMemory,
    endOfTick: createEndOfTick(),
    limits: config.limits.websocket,
    sampledLog,
  })
  return Object.assign(opened, { settings, dialect, keys, route })
}

/** Who may come in, and from where. */
function servedAccess(
  settings: ServedSettings,
  dialectUsers: DialectUsers,
  parts: ServedParts,
): ServedAccess {
  const { access } = parts
  const { forwarding, origins } = access
  const { guest } = settings
  const isFromThere = createNetworks(guest?.addresses ?? [], 'the addresses of a guest')
  return {
    name: settings.dialect,
    path: settings.path ?? '',
    base: settings.base,
    dialectUsers,
    signIn: access.signIn,
    ofRequest: access.ofRequest,
    admit: access.admit,
    clientAddress: forwarding.clientAddress,
    isSecure: forwarding.isSecure,
    foreignOriginOf: origins.foreignOf,
    isAnyPageGuest: guest?.anyOrigin === true,
    guest: (address) =>
      guest && isFromThere(address) ? access.directory.find(guest.user) : undefined,
  }
}

async function listenFor(
  opened: OpenedDialect,
  requests: Requests,
  { log, onClose }: ServedParts,
): Promise<DialectPlace> {
  const { settings, route } = opened
  const { dialect, port, host, path } = settings
  if (port === undefined) return { dialect, ...(path !== undefined && { path }) }
  const { title } = servedDialects[dialect]
  const names = { host: `the host of dialect ${dialect}`, port: `the port of dialect ${dialect}` }
  const listener = { host, port, settings: names, routeOf: () => route }
  try {
    const server = await openHttpServer({ ...requests, ...listener })
    onClose(server.close)
    opened.port = server.port
    return { dialect, port: server.port }
  } catch (error) {
    if (!(error instanceof HubError) || !settings.optional) throw error
    log.warn({ event: 'dialect-not-served' }, `${title} is not served: ${error.message}`)
    return { dialect, error: error.message }
  }
}
