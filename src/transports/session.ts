import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import type { Message } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import { isCommand, joinTopic, relativeTopic } from '../core/topic.ts'
import type { Dialect, Link, Session } from '../dialects/dialect.ts'
import type { Audiences } from './audiences.ts'

/** What every session needs of the hub. */
export interface SessionContext {
  readonly bus: Bus
  readonly audiences: Audiences
  /** @throws HubError when the message may not go on the bus. */
  admit(message: Message): Message
  /** The last known value of every topic below a base. */
  lastValuesBelow(base: string): Promise<Message[]>
  readonly log: Logger
}

export interface SessionOptions {
  readonly dialect: Dialect
  readonly base: string
  readonly link: Link
}

/** A signed-in link that is part of its audience until it is closed. */
export interface OpenSession extends Session {
  close(): void
}

export function openSession(context: SessionContext, options: SessionOptions): OpenSession {
  const { dialect, base, link } = options
  const stream = createCatchUpStream(link)
  const leave = context.audiences.join(dialect, base, { deliver: stream.live })
  const sendLastValues = async () => {
    for (const { topic, payload } of await context.lastValuesBelow(base)) {
      const relative = relativeTopic(base, topic)
      if (relative !== undefined) stream.past(dialect.encode(relative, payload), relative)
    }
  }
  return {
    publish: (topic, payload) => {
      context.bus.publish(context.admit(toMessage(joinTopic(base, topic), payload)))
    },
    catchUp: () => {
      stream.hold()
      sendLastValues()
        .catch((error: unknown) =>
          context.log.error({ err: error, base }, 'last values are missing'),
        )
        .finally(stream.release)
    },
    close: leave,
  }
}

function toMessage(topic: string, payload: Payload): Message {
  // A command is worth an acknowledgement by the node; a reading is not, the next one follows.
  return { topic, payload, qos: isCommand(topic) ? 1 : 0, retain: false }
}

/** Puts past values before the live ones that arrive while they are collected. */
function createCatchUpStream(link: Link) {
  let held: { readonly frame: string; readonly topic: string }[] | undefined
  let holds = 0
  return {
    live: (frame: string, topic: string) => {
      if (held === undefined) link.send(frame)
      else held.push({ frame, topic })
    },
    past: (frame: string, topic: string) => {
      // A newer value of that topic is waiting already.
      if (!held?.some((waiting) => waiting.topic === topic)) link.send(frame)
    },
    hold: () => {
      holds++
      held ??= []
    },
    release: () => {
      holds--
      if (holds > 0 || held === undefined) return
      for (const { frame } of held) link.send(frame)
      held = undefined
    },
  }
}
