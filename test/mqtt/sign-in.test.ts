import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { connectAsync, type IClientOptions } from 'mqtt'
import t from 'tap'
import type { User } from '../../src/access/user.ts'
import { reasons } from '../../src/mqtt/packet.ts'
import { createMqttSignIn, type MqttSignInOptions } from '../../src/mqtt/sign-in.ts'
import { everybody, mqttTo, startedHub } from '../started-hub.ts'

function nobody(): never {
  throw new Error('expected nobody to be let in')
}

const nowhere = {
  connection: {},
  address: 'unknown',
  foreignOrigin: undefined,
  transport: 'tcp' as const,
}

/** What comes of the credentials of a CONNECT: a user who is let in, or why not. */
async function answerTo(options: Partial<MqttSignInOptions>, user = '', password?: string) {
  const { identify, enter } = createMqttSignIn({
    signIn: async () => ({ refused: 'wrong' }),
    directory: { find: () => undefined },
    signedIn: { register: nobody },
    admit: () => undefined,
    bans: { refusal: () => undefined },
    clientAddress: () => 'unknown',
    foreignOriginOf: () => undefined,
    ...options,
  })
  const bytes = password === undefined ? undefined : Buffer.from(password)
  const found = await identify({ user, password: bytes }, nowhere)
  if ('reason' in found) return found
  return enter(found, { clientId: 'a', origin: nowhere, ended: () => {} })
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
    t.match(await answerTo({ signIn }, ...credentials), { message: 'bad user name or password' })
  }
  t.same(seen, ['clown: from unknown', ':x from unknown'])
})

t.test('who may try again later gets CONNACK 3, also when we are to blame', async (t) => {
  const busy = { signIn: async () => ({ refused: 'busy' as const, retryAfterSeconds: 1 }) }
  t.match(await answerTo(busy, 'clown', 'x'), { reason: reasons.serverUnavailable })
  const broken = { signIn: () => Promise.reject(new Error('a defect')) }
  t.match(await answerTo(broken, 'clown', 'x'), {
    reason: reasons.serverUnavailable,
    message: 'a defect',
  })
})

t.test('who comes from a banned address is told so, whatever the password', async (t) => {
  const ban = { status: 403, code: 'banned', reason: 'guesses' } as const
  const bans: MqttSignInOptions['bans'] = {
    refusal: ({ address }) => (address === nowhere.address ? ban : undefined),
  }
  for (const password of ['bigclown', 'x', undefined]) {
    const answer = await answerTo({ bans, signIn: nobody }, 'clown', password)
    t.match(answer, { reason: reasons.banned, message: ban.reason })
  }
})

t.test('nobody is let in as the user anonymous, where there is one', async (t) => {
  const anonymous: User = { name: 'anonymous', rules: [], tokens: [] }
  const entered: unknown[] = []
  const register = (entry: { user: User; clientId?: string | undefined }) => {
    entered.push([entry.user, entry.clientId])
    return { rights: {} as never, leave: () => {}, silent: () => {} }
  }
  const signedIn = { register, endAllOf: t.fail, close: t.fail }
  t.match(await answerTo({ directory: { find: () => anonymous }, signedIn }), { rights: {} })
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

t.test(
  'where a client comes from is told by its socket, or by the request for its websocket',
  async (t) => {
    const { originOf } = createMqttSignIn({
      signIn: async () => ({ refused: 'wrong' }),
      directory: { find: () => undefined },
      signedIn: { register: nobody },
      admit: () => undefined,
      bans: { refusal: () => undefined },
      clientAddress: () => '192.0.2.1',
      foreignOriginOf: () => 'http://page.example',
    })
    const socket = Object.assign(new PassThrough(), { remoteAddress: '::ffff:10.1.2.3' })
    t.same(originOf(socket, undefined), {
      connection: socket,
      address: '10.1.2.3',
      foreignOrigin: undefined,
      transport: 'tcp' as const,
    })
    t.match(originOf(new PassThrough(), undefined), { address: 'unknown' })
    const request = new IncomingMessage(new Socket())
    t.match(originOf(socket, request), {
      connection: request.socket,
      address: '192.0.2.1',
      foreignOrigin: 'http://page.example',
    })
  },
)
