/**
 * Tvheadend: its notifications by websocket and by long poll ("comet"), and the calls of its API that say
 * how a server is doing: here, the hub itself. What is where:
 *
 * - `comet.ts` is what is said, `mailboxes.ts` what has still to be said to whom, `delivery.ts` how it goes out.
 * - `telling.ts` fills the mailboxes, with what `status.ts` says of connections, nodes and the disk.
 * - `api.ts` has the calls, `door.ts` who comes in, `html-answer.ts` how it is answered.
 */
import type { User } from '../../access/user.ts'
import { isAnswer } from '../entrance.ts'
import type {
  ServedAnswer,
  ServedContext,
  ServedDialect,
  ServedRequest,
  Welcome,
} from '../served-dialect.ts'
import { answerCall } from './api.ts'
import { answerPoll, deliver } from './delivery.ts'
import { enter } from './door.ts'
import { htmlAnswer, jsonAnswer } from './html-answer.ts'
import { createMailboxes, type Mailboxes } from './mailboxes.ts'
import { createMeter } from './status.ts'
import { isAdministrator, startTelling, type TellingContext, tellLastValues } from './telling.ts'

const subprotocol = 'tvheadend-comet'

type Context = TellingContext & Pick<ServedContext, 'digest' | 'release' | 'limits' | 'port'>

export function openTvheadend(context: Context): ServedDialect {
  const { clock, limits, sampledLog } = context
  const meter = createMeter()
  const used = () => startTelling({ context, mailboxes, meter })
  const mailboxes = createMailboxes({ clock, limits, sampledLog, used })
  const parts = { context, mailboxes, meter }
  return {
    answer: async (request) => {
      const { path } = request
      const user = await enter(request, context)
      if (isAnswer(user)) return user
      if (request.visit(user) === undefined) return htmlAnswer(503)
      if (path.startsWith('/api/')) return answerCall({ request, user }, parts)
      if (path === '/comet/poll') return poll(request, user, parts)
      return htmlAnswer(isCometPath(path) ? 415 : 404)
    },
    greet: async (request) => {
      const user = await enter(request, context)
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
  return jsonAnswer(await answerPoll(mailbox, { isImmediate, gone }, parts.context.clock))
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
      link.enter(user)
      if (isNew) tellLastValues(mailbox, user, parts.context)
      return conversation
    },
  }
}

interface Asker {
  readonly request: ServedRequest
  readonly user: User
}

/** The mailbox of this id, or else a new one that begins as all do. */
function mailboxFor(
  boxId: string | null,
  { request, user }: Asker,
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
