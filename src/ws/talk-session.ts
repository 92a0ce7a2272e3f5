import type { SignedOut, Until } from '../access/secrets.ts'
import type { Sender } from '../access/sender.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import { type AlarmClock, systemClock } from '../core/clock.ts'
import type { Message, MessageProperties } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import { isCommand, joinTopic } from '../core/topic.ts'
import type { Dialect, Session } from '../dialects/dialect.ts'
import { shapeOf } from '../nodes/clown-model.ts'
import type { Answering, Requester } from '../nodes/registry/answers.ts'
import type { Audiences } from './audiences.ts'
import type { CatchUps } from './catch-ups.ts'
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
  readonly catchUps: CatchUps
  /** What the hub answers to one session in place of nodes. */
  answering(requester: Requester): Answering
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
  const view = () => ({ dialect, base, rights, showsProperties })
  const join = () => {
    const membership = context.audiences.join(view(), link)
    link.follow(membership)
    return membership
  }
  let showsProperties = false
  const joinAnew = () => {
    membership.leave()
    membership = join()
    catchUp.viewChanged()
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
  const catchUp = createCatchUp({
    link,
    after: context.after ?? systemClock.after,
    start: (done) => context.catchUps.start({ view: view(), user: user.name, reader: link, done }),
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

interface CatchUpTurnOptions {
  readonly link: WebSocketLink
  readonly after: AlarmClock['after']
  /** Sends all last values; what it returns ends that before `done` is called. */
  start(done: () => void): () => void
}

/**
 * Puts past values before the live ones that arrive meanwhile. Whoever asks again too soon is answered
 * by one more round a little later, however often that was.
 */
function createCatchUp({ link, after, start }: CatchUpTurnOptions) {
  let state: 'idle' | 'sending' | 'pausing' = 'idle'
  let isAskedFor = false
  let cancel = () => {}
  const send = () => {
    state = 'sending'
    isAskedFor = false
    link.hold()
    cancel = start(done)
  }
  const done = () => {
    link.release()
    state = 'pausing'
    cancel = after(catchUpPauseMs, goOn)
  }
  const goOn = () => {
    state = 'idle'
    if (isAskedFor) send()
  }
  return {
    ask: () => {
      isAskedFor = true
      if (state === 'idle') send()
    },
    /** What was sent so far may lack something now. */
    viewChanged: () => {
      if (state !== 'sending') return
      cancel()
      cancel = start(done)
    },
    close: () => cancel(),
  }
}
