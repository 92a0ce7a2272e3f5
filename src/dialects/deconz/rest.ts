/** The REST API: paths, methods, whose key it is, and what becomes of a request. */
import { setImmediate as turnOver } from 'node:timers/promises'
import type { User } from '../../access/user.ts'
import { parseJson } from '../../core/json.ts'
import { isFitName } from '../../core/topic.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import {
  busyElement,
  failure,
  invalidValue,
  jsonAnswer,
  notAvailable,
  preflightAnswer,
  resourceAnswer,
  success,
} from './answers.ts'
import { commandGroup, commandResource } from './commands.ts'
import { deviceRoutes } from './devices.ts'
import { fullConfig, publicConfig, secondOf } from './gateway.ts'
import { linkRoutes, mostLinks } from './resourcelinks.ts'
import {
  configSection,
  describeResource,
  deviceNumberOf,
  groupOfAll,
  isGroupOfAll,
  isWholeDevice,
  lightsAmong,
  type Resource,
  resourcesOf,
  stateSection,
} from './resources.ts'
import {
  type Act,
  decoded,
  missing,
  type RestParts,
  type RestRequest,
  type RestRoute,
  seenResources,
  withBody,
} from './route.ts'

export async function answerRest(request: ServedRequest, parts: RestParts): Promise<ServedAnswer> {
  const { method, path } = request
  if (method === 'OPTIONS') return preflightAnswer
  const [api, first, ...rest] = path.split('/').filter((level) => level !== '')
  if (api !== 'api') return notAvailable(path)
  const unavailable = unavailableAnswer(parts.context, `/${rest.join('/')}`)
  if (unavailable !== undefined) return unavailable
  if (first === undefined) {
    return method === 'POST'
      ? parts.keyMakers.makeKey(request, parseJson(request.body))
      : notAvailable('/')
  }
  const isConfig = rest.length === 0 ? first === 'config' : rest.join('/') === 'config'
  const user = rest.length === 0 && isConfig ? undefined : userOfKey(first, request, parts)
  if (user !== undefined) return answerUser({ request, key: first, user, path: rest }, parts)
  if (isConfig && isGet(method)) return resourceAnswer(request, publicConfig(parts.identity))
  return jsonAnswer(403, [failure('unauthorized', `/${rest.join('/')}`, 'unauthorized user')])
}

/** While the hub is starting there is no network; with too much to do it is busy. */
export function unavailableAnswer(
  { state }: Pick<ServedContext, 'state'>,
  address: string,
): ServedAnswer | undefined {
  const now = state()
  if (now === 'overloaded') return jsonAnswer(503, [busyElement(address)])
  if (now === 'ready') return undefined
  return jsonAnswer(503, [failure('notConnected', address, 'Not connected')])
}

function userOfKey(key: string, { address }: ServedRequest, { context }: RestParts) {
  return context.keys.use(decoded(key), address)
}

function isGet(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

async function answerUser(
  restRequest: Omit<RestRequest, 'dialectUser' | 'body'>,
  parts: RestParts,
) {
  const { request, user, path } = restRequest
  const address = `/${path.join('/')}`
  const dialectUser = request.actAs(user)
  if (dialectUser === undefined) return jsonAnswer(503, [busyElement(address)])
  const found = routes.filter(({ pattern }) => fits(path, pattern))
  if (found.length === 0) return notAvailable(address)
  const method = methodNames[request.method] ?? request.method
  const route = found.find((one) => one.method === method)
  if (route !== undefined) {
    return route.act({ ...restRequest, dialectUser, body: parseJson(request.body) }, parts)
  }
  const text = `method, ${request.method}, not available for resource, ${address}`
  return jsonAnswer(404, [failure('methodNotAvailable', address, text)])
}

/** What counts as another method. */
const methodNames: Readonly<Record<string, string>> = { HEAD: 'GET', PATCH: 'PUT' }

function fits(path: readonly string[], pattern: readonly string[]): boolean {
  return (
    path.length === pattern.length &&
    pattern.every((level, at) => level === '*' || level.split('|').includes(String(path[at])))
  )
}

/** The light or sensor of a path such as `lights/3`; undefined when the user may not see it. */
function foundAt([kind, id = '']: readonly string[], dialectUser: DialectUser, parts: RestParts) {
  const isId = /^[1-9]\d{0,14}$/.test(id)
  const device = isId ? parts.context.devices.get(deviceNumberOf(id)) : undefined
  if (device === undefined || !dialectUser.mayRead(device.topic)) return undefined
  return resourcesOf(device).find((one) => one.id === id && one.column.resource === kind)
}

/** Runs `act` with the light or sensor that the path begins with. */
function withResource(
  act: (resource: Resource, restRequest: RestRequest, parts: RestParts) => ReturnType<Act>,
): Act {
  return (restRequest, parts) => {
    const { path, dialectUser } = restRequest
    const resource = foundAt(path, dialectUser, parts)
    if (resource === undefined) return notAvailable(`/${path.slice(0, 2).join('/')}`)
    return act(resource, restRequest, parts)
  }
}

/** The lights that a user may see. */
function lightsOf(dialectUser: DialectUser, { context }: RestParts): Resource[] {
  return lightsAmong(context.devices.all()).filter(({ device }) =>
    dialectUser.mayRead(device.topic),
  )
}

// --- GET ---

const getAll: Act = async ({ request, key, user, dialectUser }, parts) => {
  const config = configAnswered({ request, key }, parts)
  const lists = {
    lights: await mapOf('lights', dialectUser, parts),
    sensors: await mapOf('sensors', dialectUser, parts),
    resourcelinks: parts.links.of({ user: user.name, key }),
  }
  const nothing = { groups: {}, rules: {}, scenes: {}, schedules: {} }
  const whole = { alarmsystems: {}, config: config.whole, ...nothing, ...lists }
  return resourceAnswer(request, whole, { ...lists, config: config.stable })
}

function configAnswered({ request, key }: Pick<RestRequest, 'request' | 'key'>, parts: RestParts) {
  const { context, identity, keyMakers } = parts
  const own = context.keys.find(decoded(key))
  const times = own && {
    'create date': secondOf(own.createdAtMs),
    'last use date': secondOf(own.usedAtMs),
    name: own.label,
  }
  return fullConfig(request, {
    identity,
    isUnlocked: keyMakers.isUnlocked,
    port: context.port(),
    nowMs: context.clock.wallMs(),
    whitelist: { [key]: times },
  })
}

const getConfig: Act = ({ request, key }, parts) => {
  const { whole, stable } = configAnswered({ request, key }, parts)
  return resourceAnswer(request, whole, stable)
}

/** So many resources are described before others have their turn: some 10 ms. */
const resourcesPerTurn = 500

async function mapOf(kind: string, dialectUser: DialectUser, parts: RestParts) {
  const { events, names } = parts
  const map: Record<string, unknown> = {}
  let described = 0
  for (const resource of seenResources(dialectUser, parts)) {
    if (resource.column.resource !== kind) continue
    map[resource.id] = describeResource(resource, { memory: events.memory, nameOf: names.of })
    if (++described % resourcesPerTurn === 0) await turnOver()
  }
  return map
}

const getList: Act = async ({ request, path, dialectUser }, parts) =>
  resourceAnswer(request, await mapOf(String(path[0]), dialectUser, parts))

const getOne = withResource((resource, { request }, { events, names }) =>
  resourceAnswer(request, describeResource(resource, { memory: events.memory, nameOf: names.of })),
)

const getGroup: Act = ({ request, path, dialectUser }, parts) => {
  const id = String(path[1])
  if (!isGroupOfAll(id)) return notAvailable(`/${path.join('/')}`)
  return resourceAnswer(request, groupOfAll(id, lightsOf(dialectUser, parts)))
}

/** What the hub has nothing of. */
const getNothing: Act = ({ request }) => resourceAnswer(request, {})

/** What a client may make more of: lists of resources. Devices come by themselves. */
const getCapabilities: Act = ({ request, key, user }, { links }) => {
  const own = Object.keys(links.of({ user: user.name, key })).length
  const none = { available: 0, total: 0 }
  const kinds = ['lights', 'sensors', 'groups', 'scenes', 'schedules', 'rules']
  return resourceAnswer(request, {
    ...Object.fromEntries(kinds.map((kind) => [kind, none])),
    resourcelinks: { available: mostLinks - own, total: mostLinks },
    streaming: { ...none, channels: 0 },
    timezones: { values: Intl.supportedValuesOf('timeZone') },
  })
}

// --- PUT and DELETE ---

const putState = withBody((body, restRequest, parts) =>
  withResource((light, asked) => commanded(light, body, asked))(restRequest, parts),
)

async function commanded(
  resource: Resource,
  body: Readonly<Record<string, unknown>>,
  { path, dialectUser }: RestRequest,
) {
  const address = `/${path.join('/')}`
  const elements = await commandResource(resource, body, { ...dialectUser, address })
  return elements === undefined
    ? missing(address, 'missing parameter to set light state')
    : jsonAnswer(200, elements)
}

const putAction = withBody(async (body, { path, dialectUser }, parts) => {
  const address = `/groups/${path[1]}`
  if (!isGroupOfAll(path[1])) return notAvailable(address)
  const lights = lightsOf(dialectUser, parts)
  const elements = await commandGroup(lights, body, {
    ...dialectUser,
    address: `${address}/action`,
  })
  if (elements !== undefined) return jsonAnswer(200, elements)
  return missing(`${address}/action`, 'missing parameter to set group state')
})

/** Of a thermostat, what it is to do; nothing else in these sections is to be changed from outside. */
const putSection = withBody((body, restRequest, parts) =>
  withResource((resource, asked, { events }) => {
    const { path } = asked
    if (resource.row.kind === 'climate' && path[2] === 'config') {
      return commanded(resource, body, asked)
    }
    const address = `/${path.join('/')}`
    const known =
      path[2] === 'config' ? configSection(resource) : stateSection(resource, events.memory)
    const names = Object.keys(body)
    if (names.length === 0) return missing(address, 'missing parameters in body')
    const elements = names.map((name) =>
      name in known
        ? failure('notModifiable', address, `parameter, ${name}, is not modifiable`)
        : failure('parameterNotAvailable', address, `parameter, ${name}, not available`),
    )
    return jsonAnswer(200, elements)
  })(restRequest, parts),
)

/** The original's own bound. */
const longestName = 32

function isName(name: unknown): name is string {
  return (
    typeof name === 'string' && name.trim() !== '' && name.length <= longestName && isFitName(name)
  )
}

/** A whole device is called so in the hub, too, which tells everybody. */
async function rename(
  resource: Resource,
  { name, user }: { readonly name: string; readonly user: User },
  { context, names, events }: RestParts,
): Promise<void> {
  if (isWholeDevice(resource)) {
    await context.label(user, { device: resource.device.topic, title: name })
    return
  }
  await names.set(resource, name)
  events.renamed(resource)
}

const putName = withBody((body, restRequest, parts) =>
  withResource(async (resource, { user, path }) => {
    const address = `/${path.join('/')}`
    const { name, ...others } = body
    const errors = Object.keys(others).map((key) =>
      failure('parameterNotAvailable', address, `parameter, ${key}, not available`),
    )
    if (name === undefined) {
      return errors.length > 0
        ? jsonAnswer(200, errors)
        : missing(address, 'missing parameters in body')
    }
    if (!isName(name)) {
      return jsonAnswer(200, [...errors, invalidValue(address, 'name', name)])
    }
    if (user.role !== 'operator' && user.role !== 'admin') {
      const text = 'parameter, name, is not modifiable'
      return jsonAnswer(200, [...errors, failure('notModifiable', address, text)])
    }
    await rename(resource, { name: name.trim(), user }, parts)
    return jsonAnswer(200, [...errors, success(`${address}/name`, name.trim())])
  })(restRequest, parts),
)

const putConfig = withBody((body, { user }, { keyMakers }) => {
  const elements = Object.entries(body).map(([name, value]) => {
    const text = `parameter, ${name}, not available`
    if (name !== 'unlock') return failure('parameterNotAvailable', '/config', text)
    if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 600) {
      return invalidValue('/config', name, value)
    }
    if (user.role !== 'operator' && user.role !== 'admin') {
      return failure('notModifiable', '/config', 'parameter, unlock, is not modifiable')
    }
    keyMakers.unlock(user.name, Number(value))
    return success('/config/unlock', value)
  })
  return elements.length > 0
    ? jsonAnswer(200, elements)
    : missing('/config', 'missing parameters in body')
})

/** Who has a key may end it, and operators any. */
const deleteKey: Act = async ({ path, user }, { context }) => {
  const { keys } = context
  const address = `/${path.join('/')}`
  const key = keys.find(decoded(String(path[2])))
  const isOwn = key?.user === user.name || user.role === 'operator' || user.role === 'admin'
  if (key === undefined || !isOwn) return notAvailable(address)
  await keys.remove(key.digest)
  return jsonAnswer(200, [{ success: `${address} deleted.` }])
}

// --- which is which ---

const routes: readonly RestRoute[] = [
  { method: 'GET', pattern: [], act: getAll },
  { method: 'GET', pattern: ['config'], act: getConfig },
  { method: 'PUT', pattern: ['config'], act: putConfig },
  { method: 'DELETE', pattern: ['config', 'whitelist', '*'], act: deleteKey },
  { method: 'GET', pattern: ['lights|sensors'], act: getList },
  { method: 'GET', pattern: ['lights|sensors', '*'], act: getOne },
  { method: 'PUT', pattern: ['lights|sensors', '*'], act: putName },
  { method: 'PUT', pattern: ['lights', '*', 'state'], act: putState },
  { method: 'PUT', pattern: ['sensors', '*', 'config|state'], act: putSection },
  { method: 'GET', pattern: ['groups', '*'], act: getGroup },
  { method: 'PUT', pattern: ['groups', '*', 'action'], act: putAction },
  { method: 'GET', pattern: ['groups|alarmsystems|rules|scenes|schedules'], act: getNothing },
  { method: 'GET', pattern: ['groups', '0|65520', 'scenes'], act: getNothing },
  { method: 'GET', pattern: ['ddf', 'descriptors'], act: getNothing },
  { method: 'GET', pattern: ['capabilities'], act: getCapabilities },
  ...deviceRoutes,
  ...linkRoutes,
]
