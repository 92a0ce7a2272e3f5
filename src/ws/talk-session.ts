import type { Logger } from 'pino'
import type { SignedOut, Until } from '../access/secrets.ts'
import type { Sender } from '../access/sender.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import { type AlarmClock, systemClock } from '../core/clock.ts'
import type { Message, MessageProperties } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import { isCommand, joinTopic, relativeTopic } from '../core/topic.ts'
import type { Dialect, Session } from '../dialects/dialect.ts'
import { shapeOf } from '../nodes/clown-model.ts'
import type { Answering, Requester } from '../nodes/registry/answers.ts'
import { type Audiences, fittingFrame } from './audiences.ts'
import type { WebSocketLink } from './websocket-link.ts'

/** What every session needs of the hub. */
export interface TalkSessionContext {
  readonly bus: Bus
  readonly audiences: Audiences
  readonly signedIn: SignedIn
  /**
   * What goes on the bus in its place; undefined drops it without a word.
   *
   * @throws HubError when the message may not go on the bus.
   */
  enter(message: Message, sender: Sender): Message | undefined
  /** The last known value of every topic below a base. */
  lastValuesBelow(base: string): Promise<Message[]>
  /** What the hub answers to one session in place of nodes. */
  answering(requester: Requester): Answering
  readonly log: Logger
  /** How large a frame may be. */
  readonly frameBytes: number
  readonly after?: AlarmClock['after']
}

export interface TalkSessionOptions {
  readonly dialect: Dialect
  readonly base: string
  readonly link: WebSocketLink
  readonly user: User
  /** Where the link comes from. */
  readonly address: string
  /** The socket that carries it. */
  readonly connection: object
  /** How long it is signed in, when that is not as long as it is open. */
  readonly until?: Until | undefined
  /** The user is gone, or what was signed in with is not valid any more. */
  ended(why: SignedOut): void
}

/** A signed-in link that is part of its audience until it is closed. */
export interface TalkSession extends Session {
  close(): void
}

export function openTalkSession(
  context: TalkSessionContext,
  options: TalkSessionOptions,
): TalkSession {
  const { dialect, base, link, user, address, connection, until, ended } = options
  const join = () => {
    const membership = context.audiences.join({ dialect, base, rights, showsProperties }, link)
    link.follow(membership)
    return membership
  }
  let showsProperties = false
  const joinAnew = () => {
    membership.leave()
    membership = join()
  }
  const registered = context.signedIn.register({
    user,
    connectionInfo: { transport: dialect.name, title: base, address, connection },
    until,
    ended,
    rightsChanged: (changed) => {
      rights = changed
      joinAnew()
    },
  })
  let { rights } = registered
  let membership = join()
  const answering = context.answering({
    base,
    mayRead: (topic) => rights.mayRead(topic),
    tell: (topic, payload, line) => link.send(dialect.encode(topic, payload, line)),
  })
  const sendLastValues = async () => {
    for (const { topic, payload, properties: given } of await context.lastValuesBelow(base)) {
      if (!(await link.hasRoom())) return
      const relative = relativeTopic(base, topic)
      if (relative === undefined || !rights.mayRead(topic)) continue
      const properties = showsProperties ? given : undefined
      const message = { topic: relative, payload, properties }
      link.past(fittingFrame(dialect, message, context.frameBytes), topic)
    }
  }
  const catchUp = createCatchUp({
    link,
    after: context.after ?? systemClock.after,
    sendLastValues: () =>
      sendLastValues().catch((error: unknown) =>
        context.log.error({ err: error, base }, 'last values are missing'),
      ),
  })
  return {
    publish: (topic, payload, { watcher, force, properties, options: line } = {}) => {
      // Of a report there is nothing to answer.
      const isQuestion = shapeOf(topic) !== 'report'
      if (isQuestion && answering.list(topic, payload, line)) return
      const message = toMessage(joinTopic(base, topic), payload, properties)
      const sender = { user: user.name, rights, address, way: dialect.name, watcher, force }
      const entered = context.enter(message, sender)
      if (entered === undefined) return
      context.bus.publish(entered)
      if (isQuestion) answering.requested(topic, line)
    },
    catchUp: catchUp.ask,
    showProperties: () => {
      if (showsProperties) return
      showsProperties = true
      joinAnew()
    },
    close: () => {
      membership.leave()
      registered.leave()
      catchUp.close()
      answering.close()
    },
  }
}

function toMessage(
  topic: string,
  payload: Payload,
  properties: MessageProperties | undefined,
): Message {
  // A command is worth an acknowledgement by the node; a reading is not, the next one follows.
  return { topic, payload, qos: isCommand(topic) ? 1 : 0, retain: false, properties }
}

/** Milliseconds from the end of a catch-up to the next: collecting all values is much work. */
const catchUpPauseMs = 1000

interface CatchUpOptions {
  readonly link: WebSocketLink
  readonly after: AlarmClock['after']
  sendLastValues(): Promise<void>
}

/**
 * Puts past values before the live ones that arrive meanwhile. Whoever asks again too soon is answered
 * by one more round a little later, however often that was.
 */
function createCatchUp({ link, after, sendLastValues }: CatchUpOptions) {
  let isBusy = false
  let isAskedFor = false
  let isClosed = false
  let cancel = () => {}
  const run = async () => {
    isBusy = true
    isAskedFor = false
    link.hold()
    await sendLastValues()
    link.release()
    if (!isClosed) cancel = after(catchUpPauseMs, goOn)
  }
  const goOn = () => {
    isBusy = false
    if (isAskedFor) void run()
  }
  return {
    ask: () => {
      isAskedFor = true
      if (!isBusy) void run()
    },
    close: () => {
      isClosed = true
      cancel()
    },
  }
}
