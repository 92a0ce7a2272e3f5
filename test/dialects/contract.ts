import fc from 'fast-check'
import type { Test } from 'tap'
import type { Watcher } from '../../src/access/sender.ts'
import type { MessageProperties } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import type { Dialect, Wishes } from '../../src/dialects/dialect.ts'
import { anyText } from '../any-text.ts'

/** What a dialect did with the frames it was given. */
export interface Conversation {
  receive(frame: string | Buffer): void
  readonly published: {
    topic: string
    payload: Payload
    watcher: Watcher | undefined
    force: boolean | undefined
    properties: MessageProperties | undefined
  }[]
  readonly sent: string[]
  catchUps: number
  readonly wishes: Wishes[]
  readonly recovered: string[]
  readonly filters: string[]
}

/** A conversation with a hub that takes every message. `publish` may throw in its place. */
export function converse(dialect: Dialect, publish: (topic: string) => void = () => {}) {
  const conversation: Conversation = {
    published: [],
    sent: [],
    catchUps: 0,
    wishes: [],
    recovered: [],
    filters: [],
    receive: (frame) => receive(Buffer.from(frame)),
  }
  const receive = dialect.open(
    { send: (frame) => conversation.sent.push(frame) },
    {
      publish: (topic, payload, { watcher, force, properties } = {}) => {
        publish(topic)
        conversation.published.push({ topic, payload, watcher, force, properties })
      },
      show: (wishes) => {
        conversation.wishes.push(wishes)
      },
      recover: (position) => {
        conversation.recovered.push(position)
      },
      subscribe: (filters, done) => {
        conversation.filters.push(...filters)
        done()
      },
      unsubscribe: (filters) => {
        for (const each of filters)
          conversation.filters.splice(conversation.filters.indexOf(each), 1)
      },
      tellNodes: async (tell) => {
        tell(Payload.ofJson('{"base":"a"}', { base: 'a' }))
        return 1
      },
      label: async (request) => request,
      catchUp: () => {
        conversation.catchUps++
      },
    },
  )
  return conversation
}

export interface Sample {
  readonly frame: string
  readonly topic: string
  /** The payload's bytes. */
  readonly payload: string | Buffer
}

export interface DialectSamples {
  /** Frames as a peer of the original sends them, and the message each one is. */
  readonly received: readonly Sample[]
  /** Messages, and the frame that tells of each. */
  readonly sent: readonly Sample[]
}

/** Every promise that any dialect makes, whatever its language. */
export function dialectContract(t: Test, dialect: Dialect, { received, sent }: DialectSamples) {
  t.test('each frame that a peer sends becomes its message', async (t) => {
    for (const { frame, topic, payload } of received) {
      const { published, receive } = converse(dialect)
      receive(frame)
      t.same(
        published.map((message) => [message.topic, message.payload.bytes]),
        [[topic, Buffer.from(payload)]],
        frame,
      )
    }
  })

  t.test('each message is told as its frame', async (t) => {
    for (const { frame, topic, payload } of sent) {
      t.equal(dialect.encode(topic, new Payload(Buffer.from(payload))), frame)
    }
  })

  t.test('no frame makes it throw', async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        converse(dialect).receive(Buffer.from(bytes))
      }),
    )
    fc.assert(
      fc.property(fc.json(), anyText(), (json, text) => {
        const { receive } = converse(dialect)
        receive(json)
        receive(text)
      }),
    )
  })

  t.test('two conversations share nothing', async (t) => {
    const one = converse(dialect)
    const other = converse(dialect)
    for (const { frame } of received) one.receive(frame)
    t.same([other.published, other.sent], [[], []])
  })
}
