/** The REST API: paths, methods, whose key it is, and what becomes of a request. */
import { setImmediate as turnOver } from 'node:timers/promises'
import type { User } from '../../access/user.ts'
import { isRecord, parseJson } from '../../core/json.ts'
import type { Visitor } from '../../nodes/served/dialect-users.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import {
  busy,
  failure,
  invalidValue,
  jsonAnswer,
  notAvailable,
  preflightAnswer,
  resourceAnswer,
  success,
} from './answers.ts'
import { commandGroup, commandLight } from './commands.ts'
import type { Telling } from './events.ts'
import { fullConfig, type Identity, type KeyMakers, publicConfig, secondOf } from './gateway.ts'
import {
  configOf,
  groupOfAll,
  lightsAmong,
  type Names,
  resourceOf,
  type Shown,
  shownOf,
  stateOf,
} from './resources.ts'

export async function answerRest(request: ServedRequest, parts: RestParts): Promise<ServedAnswer> {
  const { method, path } = request
  if (method === 'OPTIONS') return preflightAnswer
  const [api, first, ...rest] = path.split('/').filter((level) => level !== '')
  if (api !== 'api') return notAvailable(path)
  const trouble = troubleOf(parts.context, `/${rest.join('/')}`)
  if (trouble !== undefined) return trouble
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
export function troubleOf(
  { state }: Pick<ServedContext, 'state'>,
  address: string,
): ServedAnswer | undefined {
  const now = state()
  if (now === 'overloaded') return jsonAnswer(503, [busy(address)])
  if (now === 'ready') return undefined
  return jsonAnswer(503, [failure('notConnected', address, 'Not connected')])
}

function userOfKey(key: string, { address }: ServedRequest, { context }: RestParts) {
  return context.keys.use(decoded(key), address)
}

function isGet(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

async function answerUser(asked: Omit<Asked, 'visitor' | 'body'>, parts: RestParts) {
  const { request, user, path } = asked
  const address = `/${path.join('/')}`
  const visitor = request.visit(user)
  if (visitor === undefined) return jsonAnswer(503, [busy(address)])
  const found = resources.filter(({ pattern }) => fits(path, pattern))
  if (found.length === 0) return notAvailable(address)
  const method = methodNames[request.method] ?? request.method
  const resource = found.find((one) => one.method === method)
  if (resource !== undefined) {
    return resource.act({ ...asked, visitor, body: parseJson(request.body) }, parts)
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

interface RestParts {
  readonly context: ServedContext
  readonly identity: Identity
  readonly keyMakers: KeyMakers
  readonly names: Names
  readonly telling: Telling
}

/** A request with a key that somebody has. */
interface Asked {
  readonly request: ServedRequest
  readonly key: string
  readonly user: User
  readonly visitor: Visitor
  /** What stands behind the key, and what it says of the resource. */
  readonly path: readonly string[]
  readonly body: unknown
}

type Act = (asked: Asked, parts: RestParts) => Promise<ServedAnswer> | ServedAnswer

/** The light or sensor of a path such as `lights/3`; undefined when the visitor may not see it. */
function foundAt([resource, id = '']: readonly string[], visitor: Visitor, parts: RestParts) {
  const device = /^[1-9]\d{0,14}$/.test(id) ? parts.context.devices.get(Number(id)) : undefined
  const shown = device && visitor.mayRead(device.topic) ? shownOf(device) : undefined
  return shown?.column.resource === resource ? shown : undefined
}

/** Runs `act` with the light or sensor that the path begins with. */
function withShown(act: (shown: Shown, asked: Asked, parts: RestParts) => ReturnType<Act>): Act {
  return (asked, parts) => {
    const { path, visitor } = asked
    const shown = foundAt(path, visitor, parts)
    if (shown === undefined) return notAvailable(`/${path.slice(0, 2).join('/')}`)
    return act(shown, asked, parts)
  }
}

/** The lights that a visitor may see. */
function lightsOf(visitor: Visitor, { context }: RestParts): Shown[] {
  return lightsAmong(context.devices.all()).filter(({ device }) => visitor.mayRead(device.topic))
}

/** Percent-decodes a level of a path; one that is malformed stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

// --- GET ---

const getAll: Act = async ({ request, key, visitor }, parts) => {
  const config = configAnswered({ request, key }, parts)
  const lists = {
    lights: await mapOf('lights', visitor, parts),
    sensors: await mapOf('sensors', visitor, parts),
  }
  const nothing = { groups: {}, resourcelinks: {}, rules: {}, scenes: {}, schedules: {} }
  const whole = { alarmsystems: {}, config: config.whole, ...nothing, ...lists }
  return resourceAnswer(request, whole, { ...lists, config: config.stable })
}

function configAnswered({ request, key }: Pick<Asked, 'request' | 'key'>, parts: RestParts) {
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

/** So many resources are told before others have their turn: some 10 ms. */
const resourcesPerTurn = 500

async function mapOf(resource: string, visitor: Visitor, { context, ...parts }: RestParts) {
  const { telling, names } = parts
  const map: Record<string, unknown> = {}
  let told = 0
  for (const device of context.devices.all()) {
    const shown = visitor.mayRead(device.topic) ? shownOf(device) : undefined
    if (shown?.column.resource !== resource) continue
    map[device.number] = resourceOf(shown, { memory: telling.memory, nameOf: names.of })
    if (++told % resourcesPerTurn === 0) await turnOver()
  }
  return map
}

const getList: Act = async ({ request, path, visitor }, parts) =>
  resourceAnswer(request, await mapOf(String(path[0]), visitor, parts))

const getOne = withShown((shown, { request }, { telling, names }) =>
  resourceAnswer(request, resourceOf(shown, { memory: telling.memory, nameOf: names.of })),
)

const getGroup: Act = ({ request, path, visitor }, parts) => {
  if (path[1] !== '0') return notAvailable(`/${path.join('/')}`)
  return resourceAnswer(request, groupOfAll(lightsOf(visitor, parts)))
}

/** What the hub has nothing of. */
const getNothing: Act = ({ request, path }) =>
  resourceAnswer(request, path[0] === 'devices' ? [] : {})

// --- PUT and DELETE ---

/** Runs `act` with the object in the body. */
function withBody(
  act: (body: Readonly<Record<string, unknown>>, asked: Asked, parts: RestParts) => ReturnType<Act>,
): Act {
  return (asked, parts) => {
    const { body, path } = asked
    if (isRecord(body)) return act(body, asked, parts)
    const address = `/${path.join('/')}`
    return jsonAnswer(400, [failure('invalidJson', address, 'body contains invalid JSON')])
  }
}

function missing(address: string, text: string): ServedAnswer {
  return jsonAnswer(400, [failure('missingParameter', address, text)])
}

const putState = withBody((body, asked, parts) =>
  withShown(async (light, { visitor }) => {
    const elements = await commandLight(light, body, visitor)
    if (elements !== undefined) return jsonAnswer(200, elements)
    const address = `/lights/${light.device.number}/state`
    return missing(address, 'missing parameter to set light state')
  })(asked, parts),
)

const putAction = withBody(async (body, { path, visitor }, parts) => {
  const address = `/groups/${path[1]}`
  if (path[1] !== '0') return notAvailable(address)
  const lights = lightsOf(visitor, parts)
  const elements = await commandGroup(lights, body, visitor)
  if (elements !== undefined) return jsonAnswer(200, elements)
  return missing(`${address}/action`, 'missing parameter to set group state')
})

/** Nothing in these sections is to be changed from outside: sensors of ours measure. */
const putSection = withBody((body, asked, parts) =>
  withShown((shown, { path }, { telling }) => {
    const address = `/${path.join('/')}`
    const known = path[2] === 'config' ? configOf(shown) : stateOf(shown, telling.memory)
    const names = Object.keys(body)
    if (names.length === 0) return missing(address, 'missing parameters in body')
    const elements = names.map((name) =>
      name in known
        ? failure('notModifiable', address, `parameter, ${name}, is not modifiable`)
        : failure('parameterNotAvailable', address, `parameter, ${name}, not available`),
    )
    return jsonAnswer(200, elements)
  })(asked, parts),
)

/** The original's own bound. */
const longestName = 32

const putName = withBody((body, asked, parts) =>
  withShown(async (shown, { user, path }, { names, telling }) => {
    const address = `/${path.join('/')}`
    const { name, ...others } = body
    const faults = Object.keys(others).map((key) =>
      failure('parameterNotAvailable', address, `parameter, ${key}, not available`),
    )
    if (name === undefined) {
      return faults.length > 0
        ? jsonAnswer(200, faults)
        : missing(address, 'missing parameters in body')
    }
    if (typeof name !== 'string' || name.trim() === '' || name.length > longestName) {
      return jsonAnswer(200, [...faults, invalidValue(address, 'name', name)])
    }
    if (user.role !== 'operator' && user.role !== 'admin') {
      const text = 'parameter, name, is not modifiable'
      return jsonAnswer(200, [...faults, failure('notModifiable', address, text)])
    }
    await names.set(shown.device.topic, name.trim())
    telling.renamed(shown)
    return jsonAnswer(200, [...faults, success(`${address}/name`, name.trim())])
  })(asked, parts),
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

interface Resource {
  readonly method: string
  /** Levels, with `|` between those that may stand there, and `*` for any. */
  readonly pattern: readonly string[]
  readonly act: Act
}

const resources: readonly Resource[] = [
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
  {
    method: 'GET',
    pattern: ['groups|alarmsystems|resourcelinks|rules|scenes|schedules|devices'],
    act: getNothing,
  },
]
