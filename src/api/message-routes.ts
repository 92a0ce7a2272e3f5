import type { IncomingMessage } from 'node:http'
import { rightsOf } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import type { User } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import { asQos, type Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { Route } from '../core/route.ts'
import { checkFilter, isCommand } from '../core/topic.ts'
import type { PublishRequest } from '../generated/publish.ts'
import { validatePublishRequest } from '../generated/validate-requests.js'
import type { MessagePath } from '../nodes/message-path.ts'
import type { Store } from '../store/store.ts'
import type { AsUser } from './as-user.ts'
import { answerJson, limitIn, readJson, readQuery } from './json-exchange.ts'

export interface MessageRoutesOptions {
  readonly asUser: AsUser
  /** @throws HubError when the message may not go on the bus. */
  enter(message: Message, sender: Sender): Message | undefined
  readonly judge: MessagePath['judge']
  readonly bus: Pick<Bus, 'publish' | 'retained'>
  readonly store: Pick<Store, 'settled'>
  clientAddress(request: IncomingMessage): string
  readonly jsonLimits: JsonLimits
}

/**
 * By path: publishes a message as an MQTT client would, tells what would be said of one, and lists what is retained of what
 * somebody may read. What is to be kept is on disk before the answer.
 */
export function messageRoutes(options: MessageRoutesOptions): [path: string, route: Route][] {
  const { asUser, bus, jsonLimits } = options
  const post = (act: (asked: PublishRequest, sender: Sender) => unknown): Route => ({
    post: (exchange, body) =>
      asUser(exchange, (user) =>
        answerJson(exchange.response, () => {
          const address = options.clientAddress(exchange.request)
          const sender = { user: user.name, rights: rightsOf(user), address, way: 'http' }
          return act(readJson(body, validatePublishRequest, jsonLimits), sender)
        }),
      ),
  })
  return [
    ['/api/publish', post((asked, sender) => publish(asked, sender, options))],
    ['/api/check', post((asked, sender) => check(asked, sender, options))],
    [
      '/api/retained',
      {
        get: (exchange) =>
          asUser(exchange, (user) =>
            answerJson(exchange.response, () => retainedFor(exchange.request, user, bus)),
          ),
      },
    ],
  ]
}

async function publish(
  asked: PublishRequest,
  sender: Sender,
  { enter, bus, store }: MessageRoutesOptions,
) {
  const { topic } = asked
  if (isCommand(topic)) {
    const expected = 'expected a topic that is no command, which POST /api/command sends'
    throw new HubError('bad-topic', `${expected}, got ${quote(topic)}`)
  }
  const entered = enter(messageIn(asked), sender)
  // An overloaded hub has dropped a report without a word.
  if (entered === undefined) return { topic, isPublished: false, retain: false }
  bus.publish(entered)
  await new Promise<void>((resolve) => store.settled(resolve))
  return { topic, isPublished: true, retain: entered.retain }
}

function messageIn({ topic, payload, encoding, qos = 0, retain = false }: PublishRequest): Message {
  const text = encoding === 'text' ? String(payload) : JSON.stringify(payload)
  return { topic, payload: new Payload(Buffer.from(text)), qos: asQos(qos), retain }
}

/** What a page says beside a message while somebody writes it. */
function check(asked: PublishRequest, sender: Sender, { judge }: MessageRoutesOptions) {
  const { refusal, problem = null } = judge(messageIn(asked), sender)
  const told = refusal && { code: refusal.code, message: refusal.message }
  return { topic: asked.topic, refusal: told ?? null, problem }
}

/** @throws HubError `bad-query`, `bad-topic` */
async function retainedFor(request: IncomingMessage, user: User, bus: Pick<Bus, 'retained'>) {
  const { filter = '#', limit } = readQuery(request, ['filter', 'limit'])
  checkFilter(filter)
  const most = limitIn(limit)
  const { mayRead } = rightsOf(user)
  const found: { topic: string; bytes: number; qos: number }[] = []
  for await (const { topic, payload, qos } of bus.retained(filter)) {
    if (!mayRead(topic)) continue
    if (found.length === most) return { retained: found, hasMore: true }
    found.push({ topic, bytes: payload.bytes.length, qos })
  }
  return { retained: found, hasMore: false }
}
