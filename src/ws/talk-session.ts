import type { Rights } from '../access/rights.ts'
import type { SignedOut, Until } from '../access/secrets.ts'
import type { Sender } from '../access/sender.ts'
import type { SignedIn } from '../access/signed-in.ts'
import type { User } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import type { AlarmClock } from '../core/clock.ts'
import type { Message, MessageProperties } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import { isCommand, joinTopic } from '../core/topic.ts'
import type { Dialect, Session } from '../dialects/dialect.ts'
import type { DeviceChanges } from '../nodes/changes.ts'
import { shapeOf } from '../nodes/clown-model.ts'
import type { Answering, Requester } from '../nodes/registry/answers.ts'
import type { Audiences } from './audiences.ts'
import type { CatchUps } from './catch-ups.ts'
import { Feed } from './feed.ts'
import type { Recovery } from './recovery.ts'
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
  readonly recovery: Recovery
  /** Each node below `base` that may be seen as JSON, with the rights as they are then. */
  nodesBelow(base: string, rights: () => Rights): Iterable<Payload>
  /** What the hub answers to one session in place of nodes. */
  answering(requester: Requester): Answering
  /** Says what a device is called. */
  readonly label: DeviceChanges['label']
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
  /** `why` its link has ended. */
  close(why?: string): void
}

export function openTalkSession(
  context: TalkSessionContext,
  options: TalkSessionOptions,
): TalkSession {
  const { dialect, base, link, user, address, connection, until, ended } = options
  const registered = context.signedIn.register({
    user,
    connectionInfo: { transport: dialect.name, title: base, address, connection },
    until,
    ended,
    rightsChanged: (rights) => feed.rightsChanged(rights),
  })
  const feed = new Feed(context, { ...options, rights: registered.rights })
  const answering = context.answering({
    base,
    user: user.name,
    mayRead: (topic) => feed.rights.mayRead(topic),
    tell: (topic, payload, line) => link.send(dialect.encode(topic, payload, line)),
  })
  return {
    show: (wishes) => feed.show(wishes),
    catchUp: () => feed.catchUp(),
    recover: (position) => feed.recover(position),
    subscribe: (filters, done) => feed.subscribe(filters, done),
    unsubscribe: (filters) => feed.unsubscribe(filters),
    publish: (topic, payload, { watcher, force, properties, options: line } = {}) => {
      link.received()
      // Of a report there is nothing to answer.
      const isQuestion = shapeOf(topic) !== 'report'
      if (isQuestion && answering.list(topic, payload, line)) return
      const message = toMessage(joinTopic(base, topic), payload, properties)
      const { rights } = feed
      const sender = { user: user.name, rights, address, way: dialect.name, watcher, force }
      const entered = context.enter(message, sender)
      if (entered === undefined) return
      context.bus.publish(entered)
      if (isQuestion) answering.requested(topic, line)
    },
    tellNodes: async (tell) => {
      let count = 0
      for (const node of context.nodesBelow(base, () => feed.rights)) {
        if (!(await link.hasRoom())) break
        tell(node)
        count++
      }
      return count
    },
    label: ({ device, ...change }) =>
      context.label(user, { ...change, device: joinTopic(base, device) }),
    close: (why) => {
      registered.leave(why)
      feed.close()
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
