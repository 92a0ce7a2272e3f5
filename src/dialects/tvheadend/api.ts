/** The calls of `/api/…`: arguments in the query or in a form, JSON as the answer. */

import { STATUS_CODES } from 'node:http'
import type { User } from '../../access/user.ts'
import { byNode } from '../../nodes/served/seen-devices.ts'
import { isSameSiteWrite } from '../authenticate.ts'
import type { ServedAnswer, ServedContext, ServedRequest } from '../served-dialect.ts'
import { isAdministrator } from './events.ts'
import { connectionEntry, inputEntry, type Meter, subscriptionEntry } from './status.ts'

interface ApiParts {
  readonly context: Pick<ServedContext, 'signedIn' | 'devices' | 'release' | 'clock'>
  readonly meter: Meter
}

/** Whose request it is. */
interface ApiCaller {
  readonly request: ServedRequest
  readonly user: User
}

interface ApiRequest extends ApiCaller {
  readonly argumentsOf: URLSearchParams
}

interface Call {
  /** Whether it is for administrators only. */
  readonly isRestricted: boolean
  /** The JSON of the answer, or the status of an error. */
  act(request: ApiRequest, parts: ApiParts): unknown | Failure
}

interface Failure {
  readonly failure: 400 | 403 | 404
}

/** The version of the API whose answers these are. */
const apiVersion = 19

const calls: Readonly<Record<string, Call>> = {
  'connections/cancel': { isRestricted: true, act: cancel },
  pathlist: { isRestricted: false, act: () => Object.keys(calls) },
  serverinfo: {
    isRestricted: false,
    act: (_, { context }) => ({
      sw_version: context.release.version,
      api_version: apiVersion,
      name: 'Clown.Hub',
      capabilities: [],
    }),
  },
  'status/connections': {
    isRestricted: true,
    act: (_, { context }) => listed(context.signedIn.present().map(connectionEntry)),
  },
  'status/inputs': {
    isRestricted: true,
    act: (_, { context: { devices, clock } }) =>
      listed(byNode(devices.all()).map((node) => inputEntry(node, clock.wallMs()))),
  },
  'status/subscriptions': {
    isRestricted: true,
    act: (_, { context, meter }) =>
      listed(context.signedIn.present().map((one) => subscriptionEntry(one, meter))),
  },
}

function listed(entries: readonly unknown[]) {
  return { entries, totalCount: entries.length }
}

/** Ends the connection `id`, or several as a list of JSON, or `all`. */
function cancel({ request, argumentsOf }: ApiRequest, { context }: ApiParts): unknown {
  if (!isSameSiteWrite(request)) return { failure: 403 }
  const id = argumentsOf.get('id')
  const present = context.signedIn.present()
  if (id === null) return { failure: 400 }
  const ids = /\d+/g[Symbol.match](id)?.map(Number) ?? []
  const chosen = id === 'all' ? present : present.filter((one) => ids.includes(one.id))
  if (chosen.length === 0 && id !== 'all') return { failure: ids.length === 0 ? 400 : 404 }
  for (const one of chosen) one.end()
  return {}
}

export function answerCall(caller: ApiCaller, parts: ApiParts): ServedAnswer {
  const { method, path, query, body } = caller.request
  const call = Object.hasOwn(calls, nameIn(path)) ? calls[nameIn(path)] : undefined
  if (call === undefined) return htmlAnswer(404)
  if (call.isRestricted && !isAdministrator(caller.user)) return htmlAnswer(403)
  const form = method === 'POST' ? new URLSearchParams(body.toString('utf8')) : []
  const argumentsOf = new URLSearchParams([...query, ...form])
  const answer = call.act({ ...caller, argumentsOf }, parts)
  return isFailure(answer) ? htmlAnswer(answer.failure) : apiAnswer(JSON.stringify(answer))
}

function nameIn(path: string): string {
  return path.slice('/api/'.length)
}

function isFailure(answer: unknown): answer is Failure {
  return Object.hasOwn(Object(answer), 'failure')
}

/** How Tvheadend says that something is not so: a status, and a page for people. */
export function htmlAnswer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
): ServedAnswer {
  const title = `${status} ${STATUS_CODES[status]}`
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`
  return { status, headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers }, body }
}

/** What clients of the original are used to. */
export function apiAnswer(body: string): ServedAnswer {
  return { status: 200, headers: { 'Content-Type': 'text/x-json; charset=UTF-8' }, body }
}
