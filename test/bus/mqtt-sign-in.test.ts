import { PassThrough } from 'node:stream'
import type { Client } from 'aedes'
import { connectAsync, type IClientOptions } from 'mqtt'
import { pino } from 'pino'
import t from 'tap'
import type { User } from '../../src/access/user.ts'
import { createMqttSignIn, type MqttSignInOptions } from '../../src/bus/mqtt-sign-in.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { everybody, mqttTo, startedHub } from '../started-hub.ts'

const nobody = { id: 'anonymous:a', conn: new PassThrough() }

function noEntrance(): never {
  throw new Error('expected nobody to be let in')
}

/** What a client of Aedes without a guard gets for an answer to CONNECT. */
function answerTo(options: Partial<MqttSignInOptions>, user?: string, password?: string) {
  const { authenticate } = createMqttSignIn({
    signIn: async () => ({ refused: 'wrong' }),
    directory: { find: () => undefined },
    signedIn: { register: noEntrance },
    mayEnter: () => true,
    addressOf: () => 'unknown',
    foreignOriginOf: () => undefined,
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    ...options,
  })
  const bytes = password === undefined ? undefined : Buffer.from(password)
  return new Promise<[error: unknown, isIn: unknown]>((resolve) => {
    authenticate(nobody as unknown as Client, user, bytes, (error, isIn) => resolve([error, isIn]))
  })
}

t.test('a user with too many connections gets CONNACK 3', async (t) => {
  const hub = await startedHub(t, { limits: { connections: { perUser: 1 } } })
  await mqttTo(t, hub)
  await t.rejects(mqttTo(t, hub), { code: 3 })
  t.equal(hub.counters()['connections-refused'], 1)
})

t.test('a user name alone, a password alone and nobody at all are told apart', async (t) => {
  const seen: string[] = []
  const signIn: MqttSignInOptions['signIn'] = async ({ user, password }, address) => {
    seen.push(`${user}:${password} from ${address}`)
    return { refused: 'wrong' }
  }
  for (const credentials of [['clown'], [undefined, 'x'], []] as const) {
    t.match(await answerTo({ signIn }, ...credentials), [{ message: 'bad user name or password' }])
  }
  t.same(seen, ['clown: from unknown', ':x from unknown'])
})

t.test('who may try again later gets CONNACK 3, also when we are to blame', async (t) => {
  const busy = { signIn: async () => ({ refused: 'busy' as const, retryAfterSeconds: 1 }) }
  t.match(await answerTo(busy, 'clown', 'x'), [{ returnCode: 3 }])
  const broken = { signIn: () => Promise.reject(new Error('a defect')) }
  t.match(await answerTo(broken, 'clown', 'x'), [{ returnCode: 3, message: 'a defect' }])
})

t.test('nobody is let in as the user anonymous, where there is one', async (t) => {
  const anonymous: User = { name: 'anonymous', rules: [], tokens: [] }
  const entered: unknown[] = []
  const register = (entry: { user: User; clientId?: string | undefined }) => {
    entered.push([entry.user, entry.clientId])
    return { rights: {} as never, leave: () => {}, silent: () => {} }
  }
  const signedIn = { register, endAllOf: t.fail, close: t.fail }
  t.same(await answerTo({ directory: { find: () => anonymous }, signedIn }), [null, true])
  t.same(entered, [[anonymous, 'a']])
})

t.test(
  'a page of a foreign origin signs in by its own credentials, and is never anonymous',
  async (t) => {
    const hub = await startedHub(t, { users: everybody })
    const connect = async (origin: string, credentials: IClientOptions = {}) => {
      const wsOptions = { headers: { Origin: origin } }
      const options = { ...credentials, wsOptions, reconnectPeriod: 0 }
      const client = await connectAsync(`ws://127.0.0.1:${hub.httpPort}/mqtt`, options)
      await client.endAsync()
    }
    const foreign = 'http://page.example'
    await connect(`http://127.0.0.1:${hub.httpPort}`)
    await connect(foreign, { username: 'clown', password: 'bigclown' })
    await t.rejects(connect(foreign), { code: 4 })
    await t.rejects(connect(foreign, { username: 'clown', password: 'x' }), { code: 4 })
    const line = await hub.log.next(({ kind }) => kind === 'sign-in-refused')
    t.match(line, { user: 'clown', origin: foreign })
  },
)
