/** What may be asked with a key: the methods of the API, and what each of them answers. */
import { isRecord } from '../../core/json.ts'
import type { DialectUser } from '../../nodes/served/dialect-users.ts'
import {
  byPlace,
  type SeenDevice,
  type Together,
  whereOf,
} from '../../nodes/served/seen-devices.ts'
import { choicesOf } from '../model-row.ts'
import { rowsFor } from '../model-table.ts'
import type { ServedContext, ServedRequest } from '../served-dialect.ts'
import { type Answered, notFound, rpcError, rpcResult, rpcSuccess } from './answers.ts'
import type { JeedomEvents } from './events.ts'
import type { JeedomChanges } from './frames.ts'
import {
  type ActionCommand,
  commandsOf,
  configurationOf,
  coreVersion,
  describeCommand,
  describeEquipment,
  describeObject,
  equipmentType,
  type JeedomCommand,
  localDate,
  numberOf,
  plugins,
  readingOf,
  shownValue,
  summarized,
  summedUp,
  updatesOf,
} from './jeedom-model.ts'
import type { UserKeys } from './keys.ts'
import { historyOf, statisticsOf, trendOf } from './recorded.ts'

/** What the websocket and JSON-RPC share. */
export interface Parts {
  readonly context: ServedContext
  readonly events: JeedomEvents
  readonly userKeys: UserKeys
}

/** What a method is asked with a key. */
interface RpcRequest {
  readonly dialectUser: DialectUser
  /** The same with the rights of now; undefined when the key is nobody's any more. */
  actAgain(): DialectUser | undefined
  readonly request: ServedRequest
  readonly params: Readonly<Record<string, unknown>>
}

type Method = (rpcRequest: RpcRequest, parts: Parts) => Promise<Answered> | Answered

const nothing: Method = () => rpcSuccess([])

/** Objects had another name before Jeedom 4, by which clients still ask. */
const objectMethods: readonly (readonly [name: string, method: Method])[] = [
  ['all', (rpcRequest, parts) => rpcSuccess(objectsOf(rpcRequest, parts).map(describeObject))],
  ['byId', withObject((devices) => describeObject(devices))],
  ['full', fullObjects],
  ['fullById', withObject((devices, parts) => fullObject(devices, parts))],
]

export const methods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...objectMethods.flatMap(([name, method]): [string, Method][] => [
    [`object::${name}`, method],
    [`jeeObject::${name}`, method],
  ]),
  ['version', () => rpcSuccess(coreVersion)],
  ['datetime', (_, { context }) => rpcSuccess(context.clock.wallMs() / 1000)],
  ['jeedom::isOk', (_, { context }) => rpcSuccess(context.state() === 'ready')],
  ['config::byKey', ({ params }) => rpcSuccess(configurationOf(params))],
  ['event::changes', eventChanges],
  ['eqLogic::all', (rpcRequest, parts) => rpcSuccess(equipmentOf(seenBy(rpcRequest, parts)))],
  ['eqLogic::byId', withEquipment((device) => equipmentOf([device])[0])],
  ['eqLogic::fullById', withEquipment(fullEquipment)],
  ['eqLogic::byObjectId', equipmentOfObject],
  ['eqLogic::byType', equipmentByType],
  ['cmd::all', allCommands],
  [
    'cmd::byId',
    withCommand((command, _, { events }) => rpcSuccess(describeCommand(command, events.dates))),
  ],
  ['cmd::byEqLogicId', commandsOfEquipment],
  ['cmd::execCmd', execCommands],
  ['cmd::getHistory', withCommand(historyOf)],
  ['cmd::getStatistique', withCommand(statisticsOf)],
  ['cmd::getTendance', withCommand(trendOf)],
  ['summary::global', globalSummary],
  ['summary::byId', withObject(objectSummary)],
  ['plugin::listPlugin', ({ params }) => rpcSuccess(plugins(params))],
  ['update::all', (_, { context }) => rpcSuccess(updatesOf(context.release))],
  ['scenario::all', nothing],
  ['scenario::byId', ({ params }) => notFound('scenario', params['id'])],
  ['message::all', nothing],
  ['message::removeAll', () => rpcSuccess('ok')],
  ['interactQuery::all', nothing],
])

// --- what there is ---

/** The devices that a user may see and Jeedom has something like. */
function seenBy({ dialectUser }: Pick<RpcRequest, 'dialectUser'>, { context }: Parts) {
  return context.devices
    .all()
    .filter((device) => dialectUser.mayRead(device.topic) && rowsFor(device).length > 0)
}

function objectsOf(rpcRequest: RpcRequest, parts: Parts): Together[] {
  return byPlace(seenBy(rpcRequest, parts))
}

/** Answers what `act` makes of the object with the id that is asked for. */
function withObject(
  act: (devices: Together, parts: Parts, params: RpcRequest['params']) => unknown,
): Method {
  return (rpcRequest, parts) => {
    const { params } = rpcRequest
    const id = String(params['id'])
    const devices = objectsOf(rpcRequest, parts).find(
      ([device]) => String(whereOf(device).number) === id,
    )
    return devices === undefined
      ? notFound('object', params['id'])
      : rpcSuccess(act(devices, parts, params))
  }
}

function fullObjects(rpcRequest: RpcRequest, parts: Parts): Answered {
  return rpcSuccess(objectsOf(rpcRequest, parts).map((devices) => fullObject(devices, parts)))
}

function fullObject(devices: Together, parts: Parts): Record<string, unknown> {
  return {
    ...describeObject(devices),
    eqLogics: devices.map((device) => fullEquipment(device, parts)),
  }
}

function fullEquipment(device: SeenDevice, { events }: Parts): Record<string, unknown> {
  const cmds = commandsOf(device).map((command) => describeCommand(command, events.dates))
  return { ...equipmentOf([device])[0], cmds }
}

function equipmentOf(devices: readonly SeenDevice[]): Record<string, unknown>[] {
  return devices.flatMap((device) =>
    rowsFor(device)
      .slice(0, 1)
      .map((row) => describeEquipment(device, row)),
  )
}

/** Answers what `act` makes of the equipment with the id that is asked for. */
function withEquipment(act: (device: SeenDevice, parts: Parts) => unknown): Method {
  return (rpcRequest, parts) => {
    const { id } = rpcRequest.params
    const device = seenBy(rpcRequest, parts).find(({ number }) => String(number) === String(id))
    return device === undefined ? notFound('equipment', id) : rpcSuccess(act(device, parts))
  }
}

function equipmentOfObject(rpcRequest: RpcRequest, parts: Parts): Answered {
  const id = String(rpcRequest.params['object_id'])
  const devices = seenBy(rpcRequest, parts).filter(
    (device) => String(whereOf(device).number) === id,
  )
  return rpcSuccess(equipmentOf(devices))
}

function equipmentByType(rpcRequest: RpcRequest, parts: Parts): Answered {
  const isOurs = rpcRequest.params['type'] === equipmentType
  return rpcSuccess(isOurs ? equipmentOf(seenBy(rpcRequest, parts)) : [])
}

function allCommands(rpcRequest: RpcRequest, parts: Parts): Answered {
  const commands = seenBy(rpcRequest, parts).flatMap(commandsOf)
  return rpcSuccess(commands.map((command) => describeCommand(command, parts.events.dates)))
}

function commandsOfEquipment(rpcRequest: RpcRequest, parts: Parts): Answered {
  const id = String(rpcRequest.params['eqLogic_id'])
  const devices = seenBy(rpcRequest, parts).filter(({ number }) => String(number) === id)
  const commands = devices.flatMap(commandsOf)
  return rpcSuccess(commands.map((command) => describeCommand(command, parts.events.dates)))
}

function findCommand(
  id: unknown,
  { dialectUser }: RpcRequest,
  { context }: Parts,
): JeedomCommand | undefined {
  const number = numberOf(id)
  const device = number === undefined ? undefined : context.devices.get(number)
  if (device === undefined || !dialectUser.mayRead(device.topic)) return undefined
  return commandsOf(device).find((command) => command.id === String(id))
}

/** Runs `act` with the command that has the id that is asked for. */
function withCommand(
  act: (command: JeedomCommand, ...asked: Parameters<Method>) => ReturnType<Method>,
): Method {
  return (rpcRequest, parts) => {
    const { id } = rpcRequest.params
    const command = findCommand(id, rpcRequest, parts)
    return command === undefined ? notFound('command', id) : act(command, rpcRequest, parts)
  }
}

// --- summaries ---

function globalSummary(rpcRequest: RpcRequest, parts: Parts): Answered {
  const { summary } = summedUp(seenBy(rpcRequest, parts))
  const { key } = rpcRequest.params
  if (typeof key !== 'string') return rpcSuccess(summary)
  return rpcSuccess(Object.hasOwn(summary, key) ? summary[key] : null)
}

/** One summary of an object, or all that go into it; null without a key, or where there is none. */
function objectSummary(devices: Together, _: Parts, { key, raw }: RpcRequest['params']): unknown {
  const found = typeof key === 'string' ? summarized(devices).get(key) : undefined
  if (found === undefined) return null
  return raw === true || Number(raw) === 1 ? found.values : found.value
}

// --- what has happened ---

/** The longest a client may wait for a change. */
const longestPollSeconds = 60

async function eventChanges(rpcRequest: RpcRequest, { events }: Parts): Promise<Answered> {
  const { params, dialectUser } = rpcRequest
  const since = Number(params['datetime'] ?? 0)
  if (!Number.isFinite(since)) return rpcError(-32_000, 'datetime doit être un nombre')
  const seconds = Math.min(Number(params['longPolling']) || 0, longestPollSeconds)
  const changes = events.changesSince(since, dialectUser)
  if (changes.result.length > 0 || seconds <= 0) return rpcSuccess(changes)
  return rpcSuccess(await changesWithin(seconds, { ...rpcRequest, changes, since }, events))
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

// --- commands ---

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
  return rpcSuccess(Object.fromEntries(results))
}

async function execCommand(id: unknown, rpcRequest: RpcRequest, parts: Parts): Promise<Answered> {
  const { dialectUser, params } = rpcRequest
  const command = findCommand(id, rpcRequest, parts)
  if (command === undefined) return notFound('command', id)
  if (!('action' in command)) {
    const { collectedAtMs } = parts.events.dates(command.id)
    return rpcSuccess({
      value: shownValue(readingOf(command)),
      collectDate: localDate(collectedAtMs),
    })
  }
  const { topic } = command.device
  if (!dialectUser.mayCommand(topic))
    return rpcError(701, 'Vous n’avez pas les droits sur cette commande')
  const state = askedState(command, isRecord(params['options']) ? params['options'] : {})
  if (state === undefined) return rpcError(-32_000, 'Valeur absente ou incorrecte dans options')
  const payload = command.row.form === 'press' ? state : { [command.row.key]: state }
  return rpcResult(await dialectUser.command(topic, payload))
}

function askedState(
  { action, row }: ActionCommand,
  options: Readonly<Record<string, unknown>>,
): unknown {
  if (action.asks !== undefined) return action.asks
  const chosen = options[action.subType]
  switch (action.subType) {
    case 'select':
      return choicesOf(row).find((known) => known === chosen)
    case 'slider':
      return askedNumber(chosen)
    case 'color':
      // As pages write colours.
      return /^#([0-9a-f]{6})$/i.exec(String(chosen))?.[1]?.toUpperCase()
    default:
      return typeof chosen === 'string' ? chosen : undefined
  }
}

/** Clients give numbers, and texts of numbers. */
function askedNumber(chosen: unknown): number | undefined {
  const isGiven = typeof chosen === 'number' || (typeof chosen === 'string' && chosen.trim() !== '')
  const number = isGiven ? Number(chosen) : Number.NaN
  return Number.isFinite(number) ? number : undefined
}
