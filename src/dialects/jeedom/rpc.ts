/** JSON-RPC 2.0 as the core of Jeedom answers it: always with status 200. */
import { isRecord, parseJson } from '../../core/json.ts'
import type { Receipt } from '../../core/message.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import { byNode, type SeenDevice } from '../../nodes/served/seen-devices.ts'
import { choicesOf } from '../model-table.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import type { JeedomEvents } from './events.ts'
import { type JeedomChanges, phpJson } from './frames.ts'
import {
  type ActionCommand,
  commandsOf,
  describeCommand,
  describeEquipment,
  describeObject,
  infosOf,
  type JeedomCommand,
  localDate,
  numberOf,
  readingOf,
  shownValue,
  summedUp,
} from './jeedom-model.ts'
import type { UserKeys } from './keys.ts'

interface RpcCall {
  readonly id: string | number | null
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

const path = '/core/api/jeeApi.php'

export async function answerRpc(request: ServedRequest, parts: Parts): Promise<ServedAnswer> {
  if (request.path !== path) return { status: 404 }
  if (request.method === 'OPTIONS') return { status: 200, headers }
  const call = readCall(bodyOf(request))
  const answered = 'error' in call ? call : await answerCall(call, request, parts)
  const id = 'id' in call ? call.id : null
  return { status: 200, headers, body: phpJson({ jsonrpc: '2.0', id, ...answered }) }
}

const headers = {
  'Content-Type': 'application/json',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'Content-Type',
}

/** The JSON is the body, or the field `request` of a form. */
function bodyOf({ body, headers }: ServedRequest): string {
  const text = body.toString('utf8')
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  return isForm ? (new URLSearchParams(text).get('request') ?? text) : text
}

/** What a request asks for; never throws. */
export function readCall(text: string): RpcCall | RpcError {
  const value = parseJson(text)
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') {
    const version = isRecord(value) ? String(value['jsonrpc'] ?? '') : ''
    return rpcError(1, `Requête invalide. Version JSON-RPC invalide : ${version}`)
  }
  const { id, method, params } = value
  return {
    id: typeof id === 'string' || typeof id === 'number' ? id : null,
    method: typeof method === 'string' ? method : '',
    params: isRecord(params) ? params : {},
  }
}

async function answerCall(
  { method, params }: RpcCall,
  request: ServedRequest,
  parts: Parts,
): Promise<Answered> {
  const open = openMethods.get(method)
  if (open !== undefined) return open({ request, params }, parts)
  const key = params['apikey'] ?? params['api']
  const owner = () => (typeof key === 'string' ? parts.userKeys.ownerOf(key, request) : undefined)
  const user = owner()
  if (user === undefined) return rpcError(2, 'Vous n’êtes pas autorisé à effectuer cette action')
  const act = methods.get(method)
  if (act === undefined) return rpcError(500, `Aucune méthode correspondante : ${method}`)
  const dialectUser = request.actAs(user)
  if (dialectUser === undefined) return rpcError(-32_000, 'Trop de connexions')
  const actAgain = () => {
    const userOfNow = owner()
    return userOfNow && request.actAs(userOfNow)
  }
  return act({ dialectUser, actAgain, request, params }, parts)
}

// --- the methods that the hub has ---

interface RpcError {
  readonly error: { readonly code: number; readonly message: string }
}

type Answered = RpcError | { readonly result: unknown }

/** An error; its code is one of those that come out of Jeedom: see docs/jeedom.md. */
function rpcError(code: number, message: string): RpcError {
  return { error: { code, message } }
}

function success(result: unknown): Answered {
  return { result }
}

/** What a method is asked with a key. */
interface RpcRequest {
  readonly dialectUser: DialectUser
  /** The same with the rights of now; undefined when the key is nobody's any more. */
  actAgain(): DialectUser | undefined
  readonly request: ServedRequest
  readonly params: Readonly<Record<string, unknown>>
}

type Act<T> = (rpcRequest: T, parts: Parts) => Promise<Answered> | Answered

/** Without a key. */
const openMethods: ReadonlyMap<string, Act<Pick<RpcRequest, 'request' | 'params'>>> = new Map<
  string,
  Act<Pick<RpcRequest, 'request' | 'params'>>
>([
  ['ping', () => success('pong')],
  ['user::getHash', getHash],
])

async function getHash(
  { request, params }: Pick<RpcRequest, 'request' | 'params'>,
  { userKeys }: Parts,
): Promise<Answered> {
  // Pages of strangers are to guess no passwords, which would come back as the key of whoever has it.
  if (!request.isOriginAllowed) return rpcError(1, 'Echec lors de l’authentification')
  const { login, password } = params
  if (
    typeof login !== 'string' ||
    typeof password !== 'string' ||
    login === '' ||
    password === ''
  ) {
    return rpcError(1, 'Le login ou le password ne peuvent être vide')
  }
  const result = await request.signIn({ user: login, password })
  if (!('user' in result)) return rpcError(1, 'Echec lors de l’authentification')
  return success(await userKeys.keyOf(result.user, request))
}

/** The version of the core whose answers these are. */
const version = '4.5.3'

const methods: ReadonlyMap<string, Act<RpcRequest>> = new Map<string, Act<RpcRequest>>([
  ['version', () => success(version)],
  ['datetime', (_, { context }) => success(context.clock.wallMs() / 1000)],
  ['event::changes', eventChanges],
  ['object::full', fullObjects],
  ['jeeObject::full', fullObjects],
  [
    'eqLogic::all',
    (rpcRequest, parts) => success(equipmentOf(seenBy(rpcRequest.dialectUser, parts))),
  ],
  ['cmd::all', allCommands],
  ['cmd::byId', commandById],
  ['cmd::execCmd', execCommands],
  ['summary::global', globalSummary],
  ['scenario::all', () => success([])],
  ['message::all', () => success([])],
  ['interactQuery::all', () => success([])],
])

/** The devices that a user may see and Jeedom has something like. */
function seenBy(dialectUser: DialectUser, { context }: Parts): SeenDevice[] {
  return context.devices
    .all()
    .filter((device) => dialectUser.mayRead(device.topic) && infosOf(device).length > 0)
}

/** The longest a client may wait for a change. */
const longestPollSeconds = 60

async function eventChanges(rpcRequest: RpcRequest, { events }: Parts): Promise<Answered> {
  const { params, dialectUser } = rpcRequest
  const since = Number(params['datetime'] ?? 0)
  if (!Number.isFinite(since)) return rpcError(-32_000, 'datetime doit être un nombre')
  const seconds = Math.min(Number(params['longPolling']) || 0, longestPollSeconds)
  const changes = events.changesSince(since, dialectUser)
  if (changes.result.length > 0 || seconds <= 0) return success(changes)
  return success(await changesWithin(seconds, { ...rpcRequest, changes, since }, events))
}

interface LongPoll extends Pick<RpcRequest, 'actAgain' | 'request'> {
  /** None so far. */
  readonly changes: JeedomChanges
  readonly since: number
}

/** Who waits is told with the rights of then, not with those of the question; who is gone, nothing. */
async function changesWithin(
  seconds: number,
  { changes, since, actAgain, request: { gone } }: LongPoll,
  events: Parts['events'],
): Promise<JeedomChanges> {
  const untilMs = performance.now() + seconds * 1000
  let latest = changes
  for (let leftMs = seconds * 1000; latest.result.length === 0 && leftMs > 0 && !gone.aborted; ) {
    await events.nextEvents(leftMs, gone)
    const dialectUser = actAgain()
    if (dialectUser === undefined) return latest
    latest = events.changesSince(since, dialectUser)
    leftMs = untilMs - performance.now()
  }
  return latest
}

function fullObjects({ dialectUser }: RpcRequest, parts: Parts): Answered {
  const objects = byNode(seenBy(dialectUser, parts)).map((devices) => {
    const eqLogics = devices.map((device) => ({
      ...equipmentOf([device])[0],
      cmds: commandsOf(device).map((command) => describeCommand(command, parts.events.dates)),
    }))
    return { ...describeObject(devices), eqLogics }
  })
  return success(objects)
}

function equipmentOf(devices: readonly SeenDevice[]): Record<string, unknown>[] {
  return devices.flatMap((device) =>
    infosOf(device)
      .slice(0, 1)
      .map(({ row }) => describeEquipment(device, row)),
  )
}

function allCommands({ dialectUser }: RpcRequest, parts: Parts): Answered {
  const commands = seenBy(dialectUser, parts).flatMap(commandsOf)
  return success(commands.map((command) => describeCommand(command, parts.events.dates)))
}

function findCommand(
  id: unknown,
  dialectUser: DialectUser,
  { context }: Parts,
): JeedomCommand | undefined {
  const number = numberOf(id)
  const device = number === undefined ? undefined : context.devices.get(number)
  if (device === undefined || !dialectUser.mayRead(device.topic)) return undefined
  return commandsOf(device).find((command) => command.id === String(id))
}

function commandById({ params, dialectUser }: RpcRequest, parts: Parts): Answered {
  const command = findCommand(params['id'], dialectUser, parts)
  if (command === undefined) return notFound(params['id'])
  return success(describeCommand(command, parts.events.dates))
}

function notFound(id: unknown): Answered {
  return rpcError(702, `Cmd introuvable : ${typeof id === 'object' ? '' : String(id)}`)
}

/** So many commands at once are enough for a scene. */
const mostCommands = 100

async function execCommands(rpcRequest: RpcRequest, parts: Parts): Promise<Answered> {
  const { id } = rpcRequest.params
  if (!Array.isArray(id)) return execCommand(id, rpcRequest, parts)
  if (id.length > mostCommands) return rpcError(-32_000, `Au plus ${mostCommands} commandes`)
  const answers = await Promise.all(id.map((each) => execCommand(each, rpcRequest, parts)))
  const failed = answers.find((answered) => 'error' in answered)
  if (failed !== undefined) return failed
  const results = answers.map((answered, at) => [
    String(id[at]),
    'result' in answered && answered.result,
  ])
  return success(Object.fromEntries(results))
}

async function execCommand(id: unknown, rpcRequest: RpcRequest, parts: Parts): Promise<Answered> {
  const { dialectUser, params } = rpcRequest
  const command = findCommand(id, dialectUser, parts)
  if (command === undefined) return notFound(id)
  if (!('action' in command)) {
    const { collectedAtMs } = parts.events.dates(command.id)
    return success({ value: shownValue(readingOf(command)), collectDate: localDate(collectedAtMs) })
  }
  const { topic } = command.device
  if (!dialectUser.mayCommand(topic))
    return rpcError(701, 'Vous n’avez pas les droits sur cette commande')
  const state = askedState(command, isRecord(params['options']) ? params['options'] : {})
  if (state === undefined) return rpcError(-32_000, 'Valeur absente ou incorrecte dans options')
  return rpcResult(await dialectUser.command(topic, { [command.row.key]: state }))
}

function askedState(
  { action, row }: ActionCommand,
  options: Readonly<Record<string, unknown>>,
): unknown {
  if (action.asks !== undefined) return action.asks
  if (action.subType === 'select') {
    const choice = options['select']
    return choicesOf(row).find((known) => known === choice)
  }
  const { message } = options
  return typeof message === 'string' ? message : undefined
}

/** How a command went, as Jeedom would say it. */
export function rpcResult({ receipt, message, final }: Receipt): Answered {
  switch (receipt) {
    case 'node-offline':
      return rpcError(-32_000, 'Le noeud est hors ligne')
    case 'timed-out':
      return rpcError(-32_000, 'Le noeud ne répond pas')
    case 'unknown':
      return rpcError(-32_000, 'Résultat inconnu')
    case 'refused':
      return rpcError(-32_000, `Commande refusée : ${message ?? ''}`)
    case 'mismatch':
      return final ? rpcError(-32_000, 'Le noeud indique un autre état') : success('ok')
    default:
      return success('ok')
  }
}

function globalSummary({ params, dialectUser }: RpcRequest, parts: Parts): Answered {
  const { summary } = summedUp(seenBy(dialectUser, parts))
  const { key } = params
  if (typeof key !== 'string') return success(summary)
  return success(Object.hasOwn(summary, key) ? summary[key] : null)
}

/** What the websocket and JSON-RPC share. */
export interface Parts {
  readonly context: ServedContext
  readonly events: JeedomEvents
  readonly userKeys: UserKeys
}
