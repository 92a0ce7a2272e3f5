import type { IncomingMessage } from 'node:http'
import { rightsOf } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import type { User } from '../access/user.ts'
import type { Bus } from '../bus/bus.ts'
import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import { asQos, type Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { Exchange, Route } from '../core/route.ts'
import { checkFilter, isCommand } from '../core/topic.ts'
import type { PublishRequest } from '../generated/publish.ts'
import { validatePublishRequest } from '../generated/validate-requests.js'
import type { Store } from '../store/store.ts'
import type { AsUser } from './as-user.ts'
import { answerJson, limitIn, readJson, readQuery } from './json-exchange.ts'

export interface MessageRoutesOptions {
  readonly asUser: AsUser
  /** @throws HubError when the message may not go on the bus. */
  enter(message: Message, sender: Sender): Message | undefined
  readonly bus: Pick<Bus, 'publish' | 'retained'>
  readonly store: Pick<Store, 'settled'>
  clientAddress(request: IncomingMessage): string
  readonly jsonLimits: JsonLimits
}

/**
 * By path: publishes a message as an MQTT client would, and lists what is retained of what somebody may read. What is to be kept
 * is on disk before the answer.
 */
export function messageRoutes(options: MessageRoutesOptions): [path: string, route: Route][] {
  const { asUser, bus, jsonLimits } = options
  return [
    [
      '/api/publish',
      {
        post: (exchange, body) =>
          asUser(exchange, (user) =>
            answerJson(exchange.response, () =>
              publish(
                readJson(body, validatePublishRequest, jsonLimits),
                { exchange, user },
                options,
              ),
            ),
          ),
      },
    ],
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
  { exchange: { request }, user }: { exchange: Exchange; user: User },
  { enter, bus, store, clientAddress }: MessageRoutesOptions,
) {
  const { topic, encoding, qos = 0, retain = false } = asked
  if (isCommand(topic)) {
    const expected = 'expected a topic that is no command, which POST /api/command sends'
    throw new HubError('bad-topic', `${expected}, got ${quote(topic)}`)
  }
  const address = clientAddress(request)
  const sender = { user: user.name, rights: rightsOf(user), address, way: 'http' }
  const text = encoding === 'text' ? String(asked.payload) : JSON.stringify(asked.payload)
  const payload = new Payload(Buffer.from(text))
  const entered = enter({ topic, payload, qos: asQos(qos), retain }, sender)
  // An overloaded hub has dropped a report without a word.
  if (entered === undefined) return { topic, isPublished: false, retain: false }
  bus.publish(entered)
  await new Promise<void>((resolve) => store.settled(resolve))
  return { topic, isPublished: true, retain: entered.retain }
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
