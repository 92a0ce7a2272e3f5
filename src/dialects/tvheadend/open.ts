/**
 * Tvheadend: its notifications by websocket and by long poll ("comet"), and the calls of its API that say
 * how a server is doing: here, the hub itself. What is where:
 *
 * - `mailboxes.ts` is what has still to be said to whom, and how it goes out.
 * - `events.ts` fills the mailboxes, with what `status.ts` says of connections, nodes and the disk.
 * - Here are the calls, how they and all else are answered, and who comes in.
 */
import { STATUS_CODES } from 'node:http'
import type { User } from '../../access/user.ts'
import { byNode } from '../../nodes/served/seen-devices.ts'
import { authenticate, isAnswer, isSameSiteWrite } from '../authenticate.ts'
import type {
  ServedAnswer,
  ServedContext,
  ServedDialect,
  ServedRequest,
  Welcome,
} from '../served-dialect.ts'
import {
  type EventsContext,
  isAdministrator,
  mayHave,
  startEvents,
  tellLastValues,
} from './events.ts'
import { answerPoll, createMailboxes, deliver, type Mailboxes } from './mailboxes.ts'
import {
  connectionEntry,
  createMeter,
  inputEntry,
  type Meter,
  subscriptionEntry,
} from './status.ts'

const subprotocol = 'tvheadend-comet'

type Context = EventsContext & Pick<ServedContext, 'digest' | 'release' | 'limits' | 'port'>

export function openTvheadend(context: Context): ServedDialect {
  const { clock, limits, sampledLog } = context
  const meter = createMeter()
  const used = () => startEvents({ context, mailboxes, meter })
  const mailboxes = createMailboxes({
    ...{ clock, limits, sampledLog, used },
    mayHave: (user, message) => mayHave(context.findUser(user), message),
  })
  const parts = { context, mailboxes, meter }
  return {
    answer: async (request) => {
      const { path } = request
      const user = await signIn(request, context)
      if (isAnswer(user)) return user
      if (request.actAs(user) === undefined) return htmlAnswer(503)
      if (path.startsWith('/api/')) return answerCall({ request, user }, parts)
      if (path === '/comet/poll') return poll(request, user, parts)
      return htmlAnswer(isCometPath(path) ? 415 : 404)
    },
    greet: async (request) => {
      const user = await signIn(request, context)
      if (isAnswer(user)) return user
      if (!isCometPath(request.path)) return htmlAnswer(404)
      return hasKey(request) ? welcome(request, user, parts) : htmlAnswer(415)
    },
    close: mailboxes.close,
  }
}

/** The original does not look at what comes after it. */
function isCometPath(path: string): boolean {
  return path === '/comet/ws' || path.startsWith('/comet/ws/')
}

/** Asked for before a mailbox is made, as by the original. */
const shortestKey = 10

function hasKey({ headers }: ServedRequest): boolean {
  return (headers['sec-websocket-key'] ?? '').length >= shortestKey
}

interface Parts {
  readonly context: Context
  readonly mailboxes: Mailboxes
  readonly meter: Meter
}

async function poll(request: ServedRequest, user: User, parts: Parts): Promise<ServedAnswer> {
  const { query, method, body, gone } = request
  const form = new URLSearchParams(method === 'POST' ? body.toString('utf8') : '')
  const argument = (name: string) => query.get(name) ?? form.get(name)
  const opened = mailboxFor(argument('boxid'), { request, user }, parts)
  if (opened === undefined) return htmlAnswer(503)
  const { mailbox, isNew } = opened
  if (isNew) tellLastValues(mailbox, user, parts.context)
  const isImmediate = Number(argument('immediate')) > 0
  return apiAnswer(await answerPoll(mailbox, { isImmediate, gone }, parts.context.clock))
}

function welcome(request: ServedRequest, user: User, parts: Parts): Welcome | ServedAnswer {
  const opened = mailboxFor(request.query.get('boxid'), { request, user }, parts)
  if (opened === undefined) return htmlAnswer(503)
  const { mailbox, isNew } = opened
  return {
    // Never one that was not offered: clients that offer none end the connection then.
    ...(request.subprotocols.includes(subprotocol) && { subprotocol }),
    user,
    open: (link) => {
      const conversation = deliver(link, mailbox, parts.context.clock)
      // The first frame says who it is, and nothing else; that somebody is here now is news.
      conversation.receive('')
      link.signIn(user)
      if (isNew) tellLastValues(mailbox, user, parts.context)
      return conversation
    },
  }
}

/** Whose request it is. */
interface Caller {
  readonly request: ServedRequest
  readonly user: User
}

/** The mailbox of this id, or else a new one that begins as all do. */
function mailboxFor(
  boxId: string | null,
  { request, user }: Caller,
  { context, mailboxes }: Parts,
): ReturnType<Mailboxes['open']> {
  const opened = mailboxes.open(user.name, boxId)
  if (opened?.isNew) {
    opened.mailbox.begin([accessUpdate(request, user, context), serverIpPort(request, context)])
  }
  return opened
}

/** Who it is, and how the user interface is to be. The hub records nothing, so that nobody may do that. */
function accessUpdate({ address }: ServedRequest, user: User, { clock }: Context) {
  return {
    notificationClass: 'accessUpdate',
    uilevel: 'expert',
    theme: 'blue',
    page_size: 50,
    quicktips: 1,
    chname_num: 1,
    chname_src: 0,
    date_mask: '',
    label_formatting: 0,
    username: user.name,
    address,
    dvr: 0,
    admin: isAdministrator(user) ? 1 : 0,
    time: Math.floor(clock.wallMs() / 1000),
    cookie_expires: 7,
    ticket_expires: 300,
    info_area: 'login,storage,time',
  }
}

/** Where the client has reached us, as it says. */
function serverIpPort({ headers }: ServedRequest, { port }: Context) {
  const url = `http://${headers['host']}`
  const { hostname } = new URL(URL.canParse(url) ? url : 'http://127.0.0.1')
  return { notificationClass: 'setServerIpPort', ip: hostname.replace(/[[\]]/g, ''), port: port() }
}

// --- the calls of `/api/…`: arguments in the query or in a form, JSON as the answer ---

interface ApiRequest extends Caller {
  readonly argumentsOf: URLSearchParams
}

interface Call {
  /** Whether it is for administrators only. */
  readonly isRestricted: boolean
  /** The JSON of the answer, or the status of an error. */
  act(request: ApiRequest, parts: Parts): unknown | Failure
}

interface Failure {
  readonly failure: 400 | 403 | 404
}

/** The version of the API whose answers these are. */
const apiVersion = 19

/** Television, of which there is none here: what clients read about it is empty. */
const emptyGrids: Readonly<Record<'all' | 'administrators', readonly string[]>> = {
  all: [
    'channel/grid',
    'channeltag/grid',
    'dvr/autorec/grid',
    'dvr/config/grid',
    'dvr/entry/grid',
    'dvr/entry/grid_failed',
    'dvr/entry/grid_finished',
    'dvr/entry/grid_removed',
    'dvr/entry/grid_upcoming',
    'dvr/timerec/grid',
  ],
  administrators: [
    'access/entry/grid',
    'bouquet/grid',
    'epggrab/channel/grid',
    'ipblock/entry/grid',
    'mpegts/mux/grid',
    'mpegts/mux_sched/grid',
    'mpegts/network/grid',
    'mpegts/service/grid',
    'passwd/entry/grid',
    'ratinglabel/grid',
  ],
}

const emptyLists: typeof emptyGrids = {
  all: [
    'channel/list',
    'channelcategory/list',
    'channeltag/list',
    'epg/brand/list',
    'epg/content_type/list',
    'profile/list',
    'ratinglabel/list',
  ],
  administrators: [
    'bouquet/list',
    'caclient/list',
    'codec_profile/list',
    'epggrab/channel/list',
    'epggrab/module/list',
    'service/list',
  ],
}

function emptyCalls(names: typeof emptyGrids, answer: object): [string, Call][] {
  const act = () => answer
  return [
    ...names.all.map((name): [string, Call] => [name, { isRestricted: false, act }]),
    ...names.administrators.map((name): [string, Call] => [name, { isRestricted: true, act }]),
  ]
}

const calls: Readonly<Record<string, Call>> = {
  ...Object.fromEntries(emptyCalls(emptyGrids, { entries: [], total: 0 })),
  ...Object.fromEntries(emptyCalls(emptyLists, { entries: [] })),
  // Programmes are counted under another name.
  'epg/events/grid': { isRestricted: false, act: () => listed([]) },
  // Of what a build may have, such as tuners, the hub has nothing.
  'config/capabilities': { isRestricted: false, act: () => [] },
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
function cancel({ request, argumentsOf }: ApiRequest, { context }: Parts): unknown {
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

function answerCall(caller: Caller, parts: Parts): ServedAnswer {
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
function htmlAnswer(status: number, headers: Readonly<Record<string, string>> = {}): ServedAnswer {
  const title = `${status} ${STATUS_CODES[status]}`
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`
  return { status, headers: { 'Content-Type': 'text/html; charset=UTF-8', ...headers }, body }
}

/** What clients of the original are used to. */
function apiAnswer(body: string): ServedAnswer {
  return { status: 200, headers: { 'Content-Type': 'text/x-json; charset=UTF-8' }, body }
}

// --- who comes in: by Digest, by Basic or a cookie, or as a guest ---

/**
 * Whose request it is, or the answer of who is not let in. As by the original, whoever gives nothing is
 * asked for something by 401, and whoever gives something wrong is sent away by 403.
 */
export async function signIn(
  request: ServedRequest,
  { digest }: Pick<ServedContext, 'digest'>,
): Promise<User | ServedAnswer> {
  const { authorization = '' } = request.headers
  // What a browser adds for the page of a stranger counts no more than a cookie.
  if (/^digest /i.test(authorization) && request.isOriginAllowed) {
    return enterByDigest(request, authorization, digest)
  }
  // Most clients of the original can do nothing but Digest, so that it is alone where it is of use.
  const challenge = digest.isOfUse()
    ? digest.challenge()
    : 'Basic realm="tvheadend", charset="UTF-8"'
  const found = await authenticate(request, challenge)
  const isWrong = isAnswer(found) && found.status === 401 && /^basic /i.test(authorization)
  return isWrong && request.isOriginAllowed ? htmlAnswer(403) : found
}

async function enterByDigest(
  request: ServedRequest,
  authorization: string,
  digest: ServedContext['digest'],
): Promise<User | ServedAnswer> {
  const { method, address, path, query } = request
  const isFor = (uri: string) => isSamePlace(uri, path, query)
  const result = await digest.signIn({ method, authorization, address, isFor })
  if ('user' in result) return result.user
  if ('retryAfterSeconds' in result) {
    return htmlAnswer(429, { 'Retry-After': String(result.retryAfterSeconds) })
  }
  if (result.refused === 'wrong' || result.refused === 'code-needed') return htmlAnswer(403)
  return htmlAnswer(401, { 'WWW-Authenticate': digest.challenge(result.refused === 'stale') })
}

/** A proxy may have cut a prefix off, and some clients name the whole URL. */
function isSamePlace(uri: string, path: string, query: URLSearchParams): boolean {
  const [place = '', ...rest] = uri.split('?')
  const given = new URLSearchParams(rest.join('?'))
  return place.endsWith(path) && given.toString() === query.toString()
}
