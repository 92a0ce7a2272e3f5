import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import type { Message } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import { isCommand, joinTopic, relativeTopic } from '../core/topic.ts'
import type { Dialect, Session } from '../dialects/dialect.ts'
import { shapeOf } from '../nodes/clown-model.ts'
import type { Audiences } from './audiences.ts'
import type { PatientLink } from './websocket-link.ts'

/** What every session needs of the hub. */
export interface SessionContext {
  readonly bus: Bus
  readonly audiences: Audiences
  /**
   * What goes on the bus in its place; undefined drops it without a word.
   *
   * @throws HubError when the message may not go on the bus.
   */
  admit(message: Message): Message | undefined
  /** The last known value of every topic below a base. */
  lastValuesBelow(base: string): Promise<Message[]>
  readonly log: Logger
}

export interface SessionOptions {
  readonly dialect: Dialect
  readonly base: string
  readonly link: PatientLink
}

/** A signed-in link that is part of its audience until it is closed. */
export interface OpenSession extends Session {
  close(): void
}

export function openSession(context: SessionContext, options: SessionOptions): OpenSession {
  const { dialect, base, link } = options
  const deliver = (frame: string, { topic }: Message) => {
    // Only of a report does the latest value tell all; commands, answers and notifications are events.
    link.deliver(frame, shapeOf(topic) === 'report' ? topic : undefined)
  }
  const leave = context.audiences.join(dialect, base, { deliver })
  const sendLastValues = async () => {
    for (const { topic, payload } of await context.lastValuesBelow(base)) {
      if (!(await link.hasRoom())) return
      const relative = relativeTopic(base, topic)
      if (relative !== undefined) link.past(dialect.encode(relative, payload), topic)
    }
  }
  const catchUp = createCatchUp(link, () =>
    sendLastValues().catch((error: unknown) =>
      context.log.error({ err: error, base }, 'last values are missing'),
    ),
  )
  return {
    publish: (topic, payload) => {
      const admitted = context.admit(toMessage(joinTopic(base, topic), payload))
      if (admitted !== undefined) context.bus.publish(admitted)
    },
    catchUp,
    close: leave,
  }
}

function toMessage(topic: string, payload: Payload): Message {
  // A command is worth an acknowledgement by the node; a reading is not, the next one follows.
  return { topic, payload, qos: isCommand(topic) ? 1 : 0, retain: false }
}

/**
 * Puts past values before the live ones that arrive meanwhile. Whoever asks again before the end is
 * answered by one more round after it, so that nobody can make the hub collect many at once.
 */
function createCatchUp(link: PatientLink, sendLastValues: () => Promise<void>): () => void {
  let isRunning = false
  let isAskedFor = false
  const run = async () => {
    isRunning = true
    link.hold()
    while (isAskedFor) {
      isAskedFor = false
      await sendLastValues()
    }
    isRunning = false
    link.release()
  }
  return () => {
    isAskedFor = true
    if (!isRunning) void run()
  }
}
