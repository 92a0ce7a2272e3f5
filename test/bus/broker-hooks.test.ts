import { PassThrough } from 'node:stream'
import type { AedesPublishPacket, Client, Subscription } from 'aedes'
import { pino } from 'pino'
import t from 'tap'
import { rightsOf } from '../../src/access/rights.ts'
import type { User } from '../../src/access/user.ts'
import { createPacketReader } from '../../src/bus/aedes-bus.ts'
import { createHooks, type HookOptions } from '../../src/bus/broker-hooks.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { ceilingOfTopics } from '../../src/core/topic.ts'
import { clown } from '../senders.ts'

const admin: User = { name: 'admin', role: 'admin', rules: [], tokens: [] }

function hooksWith(options: Partial<HookOptions>, user: User | null = admin) {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const all = {
    admit: () => undefined,
    topicLimits: ceilingOfTopics,
    sampledLog,
    ...options,
  }
  const parts = {
    reader: createPacketReader(),
    quota: { hasRoomFor: () => true, take: () => {} },
    granted: new WeakSet<Subscription>(),
    senders: { of: () => clown },
    retained: { forget: () => {} },
    rights: { of: () => (user === null ? undefined : rightsOf(user)), forget: () => {} },
  }
  return createHooks(all, parts)
}

/** A client of Aedes without a guard, as an embedding program could make one. */
function bareClient(): Client {
  return { conn: new PassThrough() } as unknown as Client
}

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

t.test('nothing is forwarded without a right to read it, nor to a user who is gone', async (t) => {
  const packet = { topic: 'a' } as AedesPublishPacket
  const powerless: User = { name: 'powerless', rules: [], tokens: [] }
  t.equal(hooksWith({}, powerless).authorizeForward(bareClient(), packet), null)
  t.equal(hooksWith({}, null).authorizeForward(bareClient(), packet), null)
})
