import { PassThrough } from 'node:stream'
import type { AedesPublishPacket, Client } from 'aedes'
import { pino } from 'pino'
import t from 'tap'
import { createPacketReader } from '../../src/bus/aedes-bus.ts'
import { createHooks, type HookOptions } from '../../src/bus/broker-hooks.ts'
import { createCounters } from '../../src/core/counters.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'
import { defaultTopicLimits } from '../../src/core/topic.ts'
import { mqttTo, startedHub } from '../started-hub.ts'

function hooksWith(options: Partial<HookOptions>) {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const all = {
    signIn: async () => ({ refused: 'wrong' as const }),
    admit: () => undefined,
    mayEnter: () => true,
    anonymous: false,
    topicLimits: defaultTopicLimits,
    sampledLog,
    ...options,
  }
  const quota = { take: () => true }
  return createHooks(all, { reader: createPacketReader(), quota, granted: new WeakSet() })
}

/** A client of Aedes without a guard, as an embedding program could make one. */
function bareClient(): Client {
  return { conn: new PassThrough() } as unknown as Client
}

t.test('a user with too many connections gets CONNACK 3', async (t) => {
  const hub = await startedHub(t, { limits: { connections: { perUser: 1 } } })
  await mqttTo(t, hub)
  await t.rejects(mqttTo(t, hub), { code: 3 })
  t.equal(hub.counters()['connections-refused'], 1)
})

/** What a client without a guard gets for an answer to CONNECT. */
function answerTo(hooks: ReturnType<typeof hooksWith>, user?: string, password?: string) {
  const bytes = password === undefined ? undefined : Buffer.from(password)
  return new Promise<[error: unknown, isIn: unknown]>((resolve) => {
    hooks.authenticate(bareClient(), user, bytes, (error, isIn) => resolve([error, isIn]))
  })
}

t.test('a user name alone, a password alone and nobody at all are told apart', async (t) => {
  const seen: string[] = []
  const hooks = hooksWith({
    signIn: async ({ user, password }, address) => {
      seen.push(`${user}:${password} from ${address}`)
      return { refused: 'wrong' }
    },
  })
  for (const credentials of [['clown'], [undefined, 'x'], []] as const) {
    t.match(await answerTo(hooks, ...credentials), [{ message: 'bad user name or password' }])
  }
  t.same(seen, ['clown: from unknown', ':x from unknown', ': from unknown'])
})

t.test('who may try again later gets CONNACK 3, also when we are to blame', async (t) => {
  const busy = hooksWith({ signIn: async () => ({ refused: 'busy', retryAfterSeconds: 1 }) })
  t.match(await answerTo(busy, 'clown', 'x'), [{ returnCode: 3 }])
  const broken = hooksWith({ signIn: () => Promise.reject(new Error('a defect')) })
  t.match(await answerTo(broken, 'clown', 'x'), [{ returnCode: 3, message: 'a defect' }])
})

t.test('nobody is let in where that is allowed', async (t) => {
  const hooks = hooksWith({ anonymous: true })
  const answers: unknown[] = []
  hooks.authenticate(bareClient(), undefined, undefined, (_error, isIn) => answers.push(isIn))
  t.same(answers, [true])
})

t.test('a message that is dropped goes where nobody can hear it', async (t) => {
  const packet = {
    cmd: 'publish' as const,
    topic: 'a/b',
    payload: Buffer.from('1'),
    qos: 0 as const,
    retain: true,
    dup: false,
  }
  hooksWith({}).authorizePublish(null, packet, (error) => t.equal(error, null))
  t.match(packet, { topic: '$dropped', payload: Buffer.alloc(0), retain: false })
})

t.test('without a guard a message is forwarded as it is', async (t) => {
  const packet = { topic: 'a' } as AedesPublishPacket
  t.equal(hooksWith({}).authorizeForward(bareClient(), packet), packet)
})
