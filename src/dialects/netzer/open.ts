/**
 * Netzer: the box of MoBaCon with 13 pins, its command interface by websocket and by CGI. What is where:
 *
 * - `pins.ts` has which device is on which pin, what the pin says of it, and all of them as they change.
 * - `frames.ts` is what clients say, and what they are told.
 * - `conversation.ts` is one websocket and its triggers, and which answer is whose.
 */
import type { User } from '../../access/user.ts'
import { authenticate, isAnswer, isSameSiteWrite } from '../authenticate.ts'
import type {
  ServedAnswer,
  ServedContext,
  ServedDialect,
  ServedLink,
  ServedRequest,
  Welcome,
} from '../served-dialect.ts'
import { answerTo, converse } from './conversation.ts'
import { commandCodec, replyCodec } from './frames.ts'
import { type Board, createBoard, openPins } from './pins.ts'

const challenge = 'Basic realm="Netzer", charset="UTF-8"'

type NetzerContext = Pick<
  ServedContext,
  'settings' | 'devices' | 'store' | 'clock' | 'log' | 'sampledLog'
>

/** @throws HubError `bad-config`; see `openPins`. */
export async function openNetzer(context: NetzerContext): Promise<ServedDialect> {
  const { devices, clock, settings } = context
  const board = createBoard({ pins: await openPins(context), devices, clock })
  const places = createPlaces(settings.netzer.connections)
  return {
    answer: async (request) => {
      if (request.path !== '/action.cgi') return notFound
      const user = await authenticate(request, challenge)
      return isAnswer(user) ? user : answerCgi(request, user, board)
    },
    greet: async (request) => {
      if (request.path !== '/ws') return notFound
      const user = await authenticate(request, challenge)
      if (isAnswer(user)) return user
      return places.isFull() ? taken : welcome(user, { board, places, log: context.log })
    },
    close: board.close,
  }
}

const plainText = { 'Content-Type': 'text/plain; charset=utf-8' }

const notFound: ServedAnswer = {
  status: 404,
  headers: plainText,
  body: 'expected a websocket on /ws, or a command on /action.cgi\n',
}

const takenReason = 'another websocket is open, and there can be only one'
const taken: ServedAnswer = { status: 503, headers: plainText, body: `${takenReason}\n` }

interface WelcomeParts {
  readonly board: Board
  readonly places: Places
  readonly log: ServedContext['log']
}

function welcome(user: User, { board, places, log }: WelcomeParts): Welcome {
  return {
    user,
    open: (link) => {
      const dialectUser = link.signIn(user)
      const leave = dialectUser && places.take(link)
      if (dialectUser === undefined || leave === undefined)
        return { receive: () => {}, closed: () => {} }
      const { receive, closed } = converse(link, { dialectUser, board, log })
      return {
        receive,
        closed: () => {
          closed()
          leave()
        },
      }
    },
  }
}

type Places = ReturnType<typeof createPlaces>

/** How many websockets there are at once: the original has room for one. */
function createPlaces(connections: ServedContext['settings']['netzer']['connections']) {
  let only: ServedLink | undefined
  return {
    isFull: () => connections === 'first' && only !== undefined,
    /** The answer gives the place back; undefined when it was taken a moment ago. */
    take: (link: ServedLink) => {
      if (connections === 'many') return () => {}
      // The IANA registry of RFC 6455, 11.7: 1013, try again later.
      if (connections === 'first' && only !== undefined) {
        link.close(1013, takenReason)
        return undefined
      }
      only?.close(1013, 'another websocket has taken the place of this one')
      only = link
      return () => {
        if (only === link) only = undefined
      }
    },
  }
}

/** The command is the first thing of the query, as by the original; a second one would be no command. */
async function answerCgi(request: ServedRequest, user: User, board: Board): Promise<ServedAnswer> {
  const [first] = request.query
  const [path, value] = first ?? ['']
  const command = commandCodec.decode(
    value === '' || value === undefined ? path : `${path}=${value}`,
  )
  const isWrite = command?.value !== undefined
  if (isWrite && !isSameSiteWrite(request)) return notSameSite
  const dialectUser = request.actAs(user)
  if (dialectUser === undefined) return busy
  const { result, give } = answerTo(command, { dialectUser }, board)
  await result
  const headers = { 'Content-Type': 'application/json' }
  return { status: 200, headers, body: replyCodec.encode(give()) }
}

const notSameSite: ServedAnswer = {
  status: 403,
  headers: plainText,
  body: 'expected a user and password with a command that writes\n',
}

const busy: ServedAnswer = {
  status: 503,
  headers: plainText,
  body: 'expected fewer connections of this user at once\n',
}
