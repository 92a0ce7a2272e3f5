/** The REST API: paths, methods, and whose key it is. */
import { parseJson } from '../../core/json.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import {
  busy,
  failure,
  jsonAnswer,
  notAvailable,
  preflightAnswer,
  resourceAnswer,
} from './answers.ts'
import { type Act, type Asked, decoded, type RestParts } from './asked.ts'
import { publicConfig } from './gateway.ts'
import { getAll, getConfig, getGroup, getList, getNothing, getOne } from './reading.ts'
import { deleteKey, putAction, putConfig, putName, putSection, putState } from './writing.ts'

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
