import { rightsOf } from '../access/rights.ts'
import type { User } from '../access/user.ts'
import { HubError, quote } from '../core/errors.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Route } from '../core/route.ts'
import { checkTopic, type TopicLimits } from '../core/topic.ts'
import { validateLockRequest, validateUnlockRequest } from '../generated/validate-requests.js'
import { commandTopic, isDevice } from '../nodes/device.ts'
import type { LockOuts } from '../nodes/relay-guard/lock-outs.ts'
import { type AsUser, asOperator } from './as-user.ts'
import { answerJson, readJson } from './json-exchange.ts'

export interface LockRoutesOptions {
  readonly asUser: AsUser
  readonly lockOuts: Pick<LockOuts, 'lock' | 'unlock' | 'list' | 'stored'>
  readonly topicLimits: TopicLimits
  readonly jsonLimits: JsonLimits
}

/**
 * By path: locks a device, unlocks it, and lists the locked ones. Operators and admins lock what they
 * may command, and any of them unlocks it again; everybody sees the locks of what they may read.
 */
export function lockRoutes(options: LockRoutesOptions): ReadonlyMap<string, Route> {
  const { asUser, lockOuts } = options
  // A tag that a person relies on: it is not acknowledged before it outlives the hub.
  const lock = async (user: User, body: Buffer) => {
    const { device, reason } = readJson(body, validateLockRequest, options.jsonLimits)
    checkDevice(device, user, options)
    const locked = lockOuts.lock(device, { by: user.name, reason })
    await lockOuts.stored()
    return locked
  }
  const unlock = async (user: User, body: Buffer) => {
    const { device } = readJson(body, validateUnlockRequest, options.jsonLimits)
    checkDevice(device, user, options)
    const unlocked = lockOuts.unlock(device) ?? null
    await lockOuts.stored()
    return { device, unlocked }
  }
  return new Map<string, Route>([
    [
      '/api/lock',
      { post: (exchange, body) => asOperator(asUser, exchange, (user) => lock(user, body)) },
    ],
    [
      '/api/unlock',
      { post: (exchange, body) => asOperator(asUser, exchange, (user) => unlock(user, body)) },
    ],
    [
      '/api/locks',
      {
        get: (exchange) =>
          asUser(exchange, (user) => {
            const { mayRead } = rightsOf(user)
            const locks = lockOuts.list().filter(({ device }) => mayRead(device))
            return answerJson(exchange.response, () => ({ locks }))
          }),
      },
    ],
  ])
}

/** @throws HubError `bad-topic` */
function checkDevice(device: string, user: User, { topicLimits }: LockRoutesOptions): void {
  const topic = commandTopic(device)
  checkTopic(topic, topicLimits)
  if (isDevice(device) && rightsOf(user).may('command', topic).allowed) return
  const expected = 'a device that you may command, as its topic without /set'
  throw new HubError('bad-topic', `expected ${expected}, got ${quote(device)}`)
}
