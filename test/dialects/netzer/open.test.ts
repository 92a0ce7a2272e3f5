import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { ConfigInput } from '../../../src/config.ts'
import { openNetzer } from '../../../src/dialects/netzer/open.ts'
import { createInbox } from '../../inbox.ts'
import type { StartedHub } from '../../started-hub.ts'
import { asked } from '../asked.ts'
import { changingDevices } from '../seen-device.ts'
import { type Entry, servedContext } from '../served-context.ts'
import { servedContract, startedDialect } from '../served-contract.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`

/** Publishes what a node reports, and resolves when the hub has it. */
async function report(hub: StartedHub, topic: string, payload: unknown): Promise<void> {
  const login = { username: 'clown', password: 'bigclown', reconnectPeriod: 0 }
  const client = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, login)
  await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })
  await client.endAsync()
}

/** A node whose relays obey. */
async function startNode(t: Test, hub: StartedHub): Promise<void> {
  const login = { username: 'clown', password: 'bigclown', reconnectPeriod: 0 }
  const node = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, login)
  t.teardown(() => node.endAsync(true))
  node.on('message', (topic, payload) => node.publish(topic.replace(/\/set$/, ''), payload))
  await node.subscribeAsync('nodes/bridge/0/relay/+/set')
}

interface Client {
  readonly websocket: WebSocket
  /** Sends a command and answers the next frame. */
  ask(command: string): Promise<string>
  next(frame: string): Promise<string>
}

async function connected(t: Test, port: number, headers = {}): Promise<Client> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers })
  t.teardown(() => websocket.terminate())
  const frames = createInbox<string>()
  websocket.on('message', (data) => frames.put(String(data)))
  await once(websocket, 'open')
  return {
    websocket,
    ask: (command) => {
      websocket.send(command)
      return frames.next()
    },
    next: (frame) => frames.next((each) => each === frame),
  }
}

async function started(t: Test, entry: Partial<Entry> = {}, config: Partial<ConfigInput> = {}) {
  const guest = { user: 'clown' }
  const dialects = [{ dialect: 'netzer', port: 0, guest, ...entry } as const]
  const { hub, port } = await startedDialect(t, 'netzer', { dialects, ...config })
  return { hub, port, url: `http://127.0.0.1:${port}/action.cgi` }
}

servedContract(t, {
  dialect: 'netzer',
  connect: (port) => new WebSocket(`ws://127.0.0.1:${port}/ws`),
  first: 'tuv0=3',
  ignored: ['UV0', 'uv0 ', '=1', 'uv=1', 'uv0=7', 'sup', '{"a":1}', 'ü', 'tuv0=9'],
  told: async (link, hub) => {
    await report(hub, relay, { state: false })
    await report(hub, relay, { state: true })
    await link.frames.next((frame) => frame === '{"u":{"v":{"0":"1"}}}')
  },
  // It is told that once again when it may be.
  secret: { topic: relay, payload: { state: false }, told: /"v":\{"0":"0".*"v":\{"0":"0"/ },
})

t.test('pins are read, one or all, and paths that do not exist are empty', async (t) => {
  const { hub, port } = await started(t)
  await report(hub, relay, { state: true })
  await report(hub, 'nodes/bridge/0/thermometer/i2c0-48', { temperature: [20, '℃'] })
  const { ask } = await connected(t, port)
  t.equal(await ask('uv0'), '{"u":{"v":{"0":"1"}}}')
  t.equal(await ask('u'), '{"u":{"v":{"0":"1","4":"512"}}}')
  t.equal(await ask('uv1'), '{}')
  t.equal(await ask('sup'), '{}')
  t.equal(await ask('tuv0'), '{"t":{"u":{"v":{"0":"0"}}}}')
  t.equal(await ask('tuvd=1'), '{}')
  t.equal(await ask('uvd=1'), '{}')
  t.equal(await ask('uv4=1'), '{"u":{"v":{"4":"512"}}}', 'a sensor stays as it is')
})

t.test('a write is answered, in its turn, with what the relay did', async (t) => {
  const { hub, port } = await started(t)
  await report(hub, relay, { state: false })
  await startNode(t, hub)
  const { ask, websocket } = await connected(t, port)
  websocket.send('uv0=1')
  t.equal(await ask('uv'), '{"u":{"v":{"0":"1"}}}')
  t.equal(await ask('uv'), '{"u":{"v":{"0":"1"}}}')
})

t.test('a relay that does not obey is shown as it is', async (t) => {
  const { hub, port } = await started(t)
  await report(hub, relay, { state: false })
  const { ask } = await connected(t, port)
  t.equal(await ask('uv0=1'), '{"u":{"v":{"0":"0"}}}')
})

t.test('triggers tell of rising edges, of falling ones, or of both', async (t) => {
  const { hub, port } = await started(t)
  const rising = await connected(t, port)
  t.equal(await rising.ask('tuv0=1'), '{"t":{"u":{"v":{"0":"1"}}}}', 'nothing is known yet')
  await report(hub, relay, { state: false })
  await rising.next('{"u":{"v":{"0":"0"}}}')
  const falling = await connected(t, port)
  falling.websocket.send('tuv0=2')
  await falling.next('{"u":{"v":{"0":"0"}}}')
  const off = await connected(t, port)
  t.equal(await off.ask('tuv0=3'), '{"t":{"u":{"v":{"0":"3"}}}}')
  await off.next('{"u":{"v":{"0":"0"}}}')
  t.equal(await off.ask('tuv0=0'), '{"t":{"u":{"v":{"0":"0"}}}}')
  for (const state of [true, true, false]) await report(hub, relay, { state })
  await rising.next('{"u":{"v":{"0":"1"}}}')
  await falling.next('{"u":{"v":{"0":"0"}}}')
  t.equal(await rising.ask('uv0'), '{"u":{"v":{"0":"0"}}}', 'that it fell was not told')
  t.equal(await off.ask('sup'), '{}', 'nothing was told')
})

t.test('nobody sees or switches a pin whose device is not theirs', async (t) => {
  const rules = [{ allow: ['read'], topic: 'nodes/bridge/0/relay/i2c0-3f' }] as const
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    guest: { password: 'x', rules: rules.map((rule) => ({ ...rule, allow: [...rule.allow] })) },
  } as const
  const { hub, port } = await started(t, { guest: { user: 'guest' } }, { users })
  await report(hub, relay, { state: false })
  await report(hub, 'nodes/bridge/0/relay/i2c0-3f', { state: true })
  await startNode(t, hub)
  const { ask, websocket } = await connected(t, port)
  t.equal(await ask('uv'), '{"u":{"v":{"1":"1"}}}')
  t.equal(await ask('uv1=0'), '{"u":{"v":{"1":"1"}}}')
  websocket.send('uv0=1')
  t.equal(await ask('tuv0=3'), '{}')
  t.equal(await ask('uv0'), '{"t":{"u":{"v":{"0":"3"}}}}')
  await report(hub, relay, { state: true })
  t.equal(await ask('sup'), '{}')
})

t.test('a motion is a 1 for a while', async (t) => {
  const { hub, port } = await started(t)
  const { ask, next } = await connected(t, port)
  await report(hub, 'nodes/bridge/0/pir/-', { 'event-count': 1 })
  t.equal(await ask('uv2'), '{"u":{"v":{"2":"0"}}}')
  await ask('tuv2=3')
  await report(hub, 'nodes/bridge/0/pir/-', { 'event-count': 2 })
  await next('{"u":{"v":{"2":"1"}}}')
})

t.test('by CGI the first thing of a query is the command', async (t) => {
  const { hub, url } = await started(t)
  await report(hub, relay, { state: false })
  await startNode(t, hub)
  const answer = await fetch(`${url}?uv0`)
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'application/json')
  t.equal(await answer.text(), '{"u":{"v":{"0":"0"}}}')
  t.equal(await (await fetch(url)).text(), '{}')
  t.equal(await (await fetch(`${url}?tuv0`)).text(), '{}', 'nobody is there to be told')
  const written = await fetch(`${url}?uv0=1&uv1=1`, { headers: { authorization } })
  t.equal(await written.text(), '{"u":{"v":{"0":"1"}}}')
})

t.test('by CGI nobody switches anything without meaning it', async (t) => {
  const { url } = await started(t)
  const refused = await fetch(`${url}?uv0=1`)
  t.equal(refused.status, 403)
  t.equal(await refused.text(), 'expected a user and password with a command that writes\n')
  const headers = { authorization, 'Sec-Fetch-Site': 'cross-site' }
  t.equal((await fetch(`${url}?uv0=1`, { headers })).status, 403)
  t.equal((await fetch(`${url}?uv0=1`, { method: 'POST' })).status, 200)
})

t.test('without a guest everybody needs a password', async (t) => {
  const { port, url } = await started(t, { guest: undefined } as never)
  const asked = await fetch(`${url}?uv0`)
  t.equal(asked.status, 401)
  t.match(asked.headers.get('www-authenticate'), /^Basic realm="Netzer"/)
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  const [, response] = await once(websocket, 'unexpected-response')
  t.equal(response.statusCode, 401)
  const { ask } = await connected(t, port, { authorization })
  t.equal(await ask('uv0'), '{}')
})

t.test('other paths are not served', async (t) => {
  const { port } = await started(t)
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404)
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`)
  const [, response] = await once(websocket, 'unexpected-response')
  t.equal(response.statusCode, 404)
})

t.test('of one place, the first keeps it where the configuration says so', async (t) => {
  const { port } = await started(t, { netzer: { connections: 'first' } })
  const first = await connected(t, port)
  const second = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  const [, response] = await once(second, 'unexpected-response')
  t.equal(response.statusCode, 503)
  t.equal(await first.ask('sup'), '{}')
  first.websocket.close()
  await once(first.websocket, 'close')
  const third = await connected(t, port)
  t.equal(await third.ask('sup'), '{}')
})

t.test('of one place, the latest gets it where the configuration says so', async (t) => {
  const { port } = await started(t, { netzer: { connections: 'latest' } })
  const first = await connected(t, port)
  const ended = once(first.websocket, 'close')
  const second = await connected(t, port)
  const [code, reason] = await ended
  t.equal(code, 1013)
  t.equal(String(reason), 'another websocket has taken the place of this one')
  t.equal(await second.ask('sup'), '{}')
})

t.test('two that come for one place at the same time do not both get it', async (t) => {
  const netzer = { connections: 'first' } as const
  const entry = { dialect: 'netzer', port: 0, netzer } as const
  const { context } = await servedContext(t, entry, changingDevices().seen)
  const dialect = await openNetzer(context)
  t.teardown(dialect.close)
  const signIn = () => Promise.resolve({ user: { name: 'clown', rules: [], tokens: [] } })
  const request = asked({ path: '/ws', signIn })
  const dialectUser = {
    user: 'clown',
    mayRead: () => true,
    mayCommand: () => true,
    command: () => Promise.reject(),
  }
  const codes: unknown[] = []
  const link = (entered: typeof dialectUser | undefined) => ({
    send: () => {},
    signIn: () => entered,
    close: (code?: number) => codes.push(code),
    cut: () => {},
  })
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => dialect.greet(request)))
  if (!first || !second || !third || 'status' in first || 'status' in second || 'status' in third) {
    throw new Error('expected three welcomes')
  }
  const tooMany = third.open(link(undefined))
  first.open(link(dialectUser))
  const late = second.open(link(dialectUser))
  t.same(codes, [1013])
  for (const { receive, closed } of [tooMany, late]) {
    receive('uv0')
    closed()
  }
  t.match(await dialect.greet(request), { status: 503 })
  const cgi = asked({ path: '/action.cgi', signIn })
  t.match(await dialect.answer(cgi), { status: 503 }, 'a user with too many connections')
})
