/** The methods of the JSON-RPC of Jeedom that the hub has. */

import { isRecord } from '../../core/json.ts'
import type { Receipt } from '../../core/message.ts'
import { byNode } from '../../nodes/served/by-node.ts'
import type { SeenDevice } from '../../nodes/served/seen-devices.ts'
import type { Visitor } from '../../nodes/served/visitors.ts'
import { choicesOf } from '../model-table.ts'
import type { ServedRequest } from '../served-dialect.ts'
import type { Changes } from './frames.ts'
import {
  type Action,
  type Command,
  commandsOf,
  describeCommand,
  describeEquipment,
  describeObject,
  infosOf,
  localDate,
  numberOf,
  readingOf,
  shownValue,
} from './house.ts'
import type { Parts } from './parts.ts'
import { summaryOf } from './summaries.ts'

export interface Fault {
  readonly error: { readonly code: number; readonly message: string }
}

export type Answered = Fault | { readonly result: unknown }

/** An error; its code is one of those that come out of Jeedom: see docs/jeedom.md. */
export function fault(code: number, message: string): Fault {
  return { error: { code, message } }
}

function success(result: unknown): Answered {
  return { result }
}

/** What a method is asked with a key. */
interface Asked {
  readonly visitor: Visitor
  /** The same with the rights of now; undefined when the key is nobody's any more. */
  visitAgain(): Visitor | undefined
  readonly request: ServedRequest
  readonly params: Readonly<Record<string, unknown>>
}

type Act<T> = (asked: T, parts: Parts) => Promise<Answered> | Answered

/** Without a key. */
export const openMethods: ReadonlyMap<string, Act<Pick<Asked, 'request' | 'params'>>> = new Map<
  string,
  Act<Pick<Asked, 'request' | 'params'>>
>([
  ['ping', () => success('pong')],
  ['user::getHash', getHash],
])

async function getHash(
  { request, params }: Pick<Asked, 'request' | 'params'>,
  { userKeys }: Parts,
): Promise<Answered> {
  const { login, password } = params
  if (
    typeof login !== 'string' ||
    typeof password !== 'string' ||
    login === '' ||
    password === ''
  ) {
    return fault(1, 'Le login ou le password ne peuvent être vide')
  }
  const result = await request.signIn({ user: login, password })
  if (!('user' in result)) return fault(1, 'Echec lors de l’authentification')
  return success(await userKeys.keyOf(result.user, request))
}

/** The version of the core whose answers these are. */
const version = '4.5.3'

export const methods: ReadonlyMap<string, Act<Asked>> = new Map<string, Act<Asked>>([
  ['version', () => success(version)],
  ['datetime', (_, { context }) => success(context.clock.wallMs() / 1000)],
  ['event::changes', eventChanges],
  ['object::full', fullObjects],
  ['jeeObject::full', fullObjects],
  ['eqLogic::all', (asked, parts) => success(equipmentOf(seenBy(asked.visitor, parts)))],
  ['cmd::all', allCommands],
  ['cmd::byId', commandById],
  ['cmd::execCmd', execCommands],
  ['summary::global', globalSummary],
  ['scenario::all', () => success([])],
  ['message::all', () => success([])],
  ['interactQuery::all', () => success([])],
])

/** The devices that a visitor may see and Jeedom has something like. */
function seenBy(visitor: Visitor, { context }: Parts): SeenDevice[] {
  return context.devices
    .all()
    .filter((device) => visitor.mayRead(device.topic) && infosOf(device).length > 0)
}

/** The longest a client may wait for a change. */
const longestPollSeconds = 60

async function eventChanges(asked: Asked, { feed }: Parts): Promise<Answered> {
  const { params, visitor } = asked
  const since = Number(params['datetime'] ?? 0)
  if (!Number.isFinite(since)) return fault(-32_000, 'datetime doit être un nombre')
  const seconds = Math.min(Number(params['longPolling']) || 0, longestPollSeconds)
  const changes = feed.changesSince(since, visitor)
  if (changes.result.length > 0 || seconds <= 0) return success(changes)
  return success(await changesWithin(seconds, { ...asked, changes, since }, feed))
}

interface Waiting extends Pick<Asked, 'visitAgain' | 'request'> {
  /** None so far. */
  readonly changes: Changes
  readonly since: number
}

/** Who waits is told with the rights of then, not with those of the question; who is gone, nothing. */
async function changesWithin(
  seconds: number,
  { changes, since, visitAgain, request: { gone } }: Waiting,
  feed: Parts['feed'],
): Promise<Changes> {
  const untilMs = performance.now() + seconds * 1000
  let latest = changes
  for (let leftMs = seconds * 1000; latest.result.length === 0 && leftMs > 0 && !gone.aborted; ) {
    await feed.nextTelling(leftMs, gone)
    const visitor = visitAgain()
    if (visitor === undefined) return latest
    latest = feed.changesSince(since, visitor)
    leftMs = untilMs - performance.now()
  }
  return latest
}

function fullObjects({ visitor }: Asked, parts: Parts): Answered {
  const objects = byNode(seenBy(visitor, parts)).map((devices) => {
    const eqLogics = devices.map((device) => ({
      ...equipmentOf([device])[0],
      cmds: commandsOf(device).map((command) => describeCommand(command, parts.feed.dates)),
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

function allCommands({ visitor }: Asked, parts: Parts): Answered {
  const commands = seenBy(visitor, parts).flatMap(commandsOf)
  return success(commands.map((command) => describeCommand(command, parts.feed.dates)))
}

function findCommand(id: unknown, visitor: Visitor, { context }: Parts): Command | undefined {
  const number = numberOf(id)
  const device = number === undefined ? undefined : context.devices.get(number)
  if (device === undefined || !visitor.mayRead(device.topic)) return undefined
  return commandsOf(device).find((command) => command.id === String(id))
}

function commandById({ params, visitor }: Asked, parts: Parts): Answered {
  const command = findCommand(params['id'], visitor, parts)
  if (command === undefined) return notFound(params['id'])
  return success(describeCommand(command, parts.feed.dates))
}

function notFound(id: unknown): Answered {
  return fault(702, `Cmd introuvable : ${typeof id === 'object' ? '' : String(id)}`)
}

/** So many commands at once are enough for a scene. */
const mostCommands = 100

async function execCommands(asked: Asked, parts: Parts): Promise<Answered> {
  const { id } = asked.params
  if (!Array.isArray(id)) return execCommand(id, asked, parts)
  if (id.length > mostCommands) return fault(-32_000, `Au plus ${mostCommands} commandes`)
  const answers = await Promise.all(id.map((each) => execCommand(each, asked, parts)))
  const failed = answers.find((answered) => 'error' in answered)
  if (failed !== undefined) return failed
  const results = answers.map((answered, at) => [
    String(id[at]),
    'result' in answered && answered.result,
  ])
  return success(Object.fromEntries(results))
}

async function execCommand(id: unknown, asked: Asked, parts: Parts): Promise<Answered> {
  const { visitor, params } = asked
  const command = findCommand(id, visitor, parts)
  if (command === undefined) return notFound(id)
  if (!('action' in command)) {
    const { collectedAtMs } = parts.feed.dates(command.id)
    return success({ value: shownValue(readingOf(command)), collectDate: localDate(collectedAtMs) })
  }
  const { topic } = command.device
  if (!visitor.mayCommand(topic)) return fault(701, 'Vous n’avez pas les droits sur cette commande')
  const state = askedState(command, isRecord(params['options']) ? params['options'] : {})
  if (state === undefined) return fault(-32_000, 'Valeur absente ou incorrecte dans options')
  return outcome(await visitor.command(topic, { [command.row.key]: state }))
}

function askedState({ action, row }: Action, options: Readonly<Record<string, unknown>>): unknown {
  if (action.asks !== undefined) return action.asks
  if (action.subType === 'select') {
    const choice = options['select']
    return choicesOf(row).find((known) => known === choice)
  }
  const { message } = options
  return typeof message === 'string' ? message : undefined
}

/** How a command went, as Jeedom would say it. */
export function outcome({ receipt, message, final }: Receipt): Answered {
  switch (receipt) {
    case 'node-offline':
      return fault(-32_000, 'Le noeud est hors ligne')
    case 'timed-out':
      return fault(-32_000, 'Le noeud ne répond pas')
    case 'unknown':
      return fault(-32_000, 'Résultat inconnu')
    case 'refused':
      return fault(-32_000, `Commande refusée : ${message ?? ''}`)
    case 'mismatch':
      return final ? fault(-32_000, 'Le noeud indique un autre état') : success('ok')
    default:
      return success('ok')
  }
}

function globalSummary({ params, visitor }: Asked, parts: Parts): Answered {
  const { summary } = summaryOf(seenBy(visitor, parts))
  const { key } = params
  if (typeof key !== 'string') return success(summary)
  return success(Object.hasOwn(summary, key) ? summary[key] : null)
}
