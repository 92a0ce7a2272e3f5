import t from 'tap'
import { WebSocket } from 'ws'
import { commandErrorOf } from '../../client/errors.ts'
import {
  type ClownHubError,
  CommandRefusedError,
  CommandTimedOutError,
  CommandUnknownError,
  connect,
  type HubMessage,
  type HubPresence,
  OfflineError,
  type Receipt,
} from '../../client/index.ts'
import { createInbox } from '../inbox.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { brittle, clown, connected, obedientRelay } from './connected.ts'

t.test(
  'a page hears the last values, then what comes, by filters, until it has enough',
  async (t) => {
    const hub = await startedHub(t)
    const { client: node } = await mqttTo(t, hub)
    await node.publishAsync('nodes/bridge/0/thermometer/i2c0-48', '{"temperature":[20.5,"℃"]}', {
      qos: 1,
    })
    const { client, is, messages } = connected(t, hub)
    const all = messages('#')
    const thermometers = createInbox()
    const enough = client.on('thermometer/+', thermometers.put)
    await is('open')
    t.match(await all.next(), { topic: 'thermometer/i2c0-48', value: { temperature: [20.5, '℃'] } })
    await thermometers.next()
    t.match(client.latest('thermometer/i2c0-48'), { value: { temperature: [20.5, '℃'] } })
    t.equal(client.latest('thermometer/i2c0-49'), undefined)
    enough()
    // Who comes later has it from the client itself.
    const later = messages('thermometer/#')
    t.match(await later.next(), { value: { temperature: [20.5, '℃'] }, isPast: true })
    await node.publishAsync('nodes/bridge/0/thermometer/i2c0-48', '{"temperature":[21,"℃"]}')
    t.match(await later.next(), { value: { temperature: [21, '℃'] }, isPast: false })
    t.equal(thermometers.items.length, 1)
    await node.publishAsync('nodes/bridge/0/bytes/x', Buffer.from([255]))
    t.match(await all.next(({ topic }) => topic === 'bytes/x'), {
      value: '/w==',
      encoding: 'base64',
    })
  },
)

t.test('a command resolves when the relay says so, and tells how far it is', async (t) => {
  const hub = await startedHub(t)
  await obedientRelay(t, hub)
  const { client, is, messages } = connected(t, hub)
  const relay = messages('relay/+')
  await is('open')
  const progress: string[] = []
  const onProgress = ({ receipt }: Receipt) => progress.push(receipt)
  const receipt = await client.command('relay/i2c0-3b', { state: true }, { onProgress })
  t.match(receipt, { receipt: 'confirmed', final: true })
  t.same(progress, ['accepted', 'sent', 'confirmed'])
  await relay.next(({ value }) => JSON.stringify(value) === '{"state":true}')
})

t.test('each way in which a command fails has a class with a name', async (t) => {
  const names = {
    refused: 'CommandRefusedError',
    'node-offline': 'NodeOfflineError',
    'timed-out': 'CommandTimedOutError',
    mismatch: 'CommandMismatchError',
    superseded: 'CommandSupersededError',
    unknown: 'CommandUnknownError',
  } as const
  for (const receipt of Object.keys(names) as (keyof typeof names)[]) {
    const error = commandErrorOf('relay/a', { receipt, afterMs: 0, final: true })
    t.match(error, { name: names[receipt], code: receipt, device: 'relay/a' })
  }
  t.equal(commandErrorOf('relay/a', { receipt: 'confirmed', afterMs: 0, final: true }), undefined)
})

t.test('a command that fails says by its class how, and why', async (t) => {
  const hub = await startedHub(t, { commands: { timeoutSeconds: 0.1 } })
  const { client, is } = connected(t, hub)
  await is('open')
  await t.rejects(client.command('relay/i2c0-3b', { state: 'sideways' }), {
    name: 'CommandRefusedError',
    code: 'bad-payload',
    device: 'relay/i2c0-3b',
  })
  await t.rejects(client.command('relay/i2c0-3b', { state: 1 }), CommandRefusedError)
  const { client: node } = await mqttTo(t, hub)
  const receipts = createInbox<Receipt>()
  const command = client.command('relay/i2c0-3b', { state: true }, { onProgress: receipts.put })
  await t.rejects(command, CommandTimedOutError)
  await node.publishAsync('nodes/bridge/0/relay/i2c0-3b', '{"state":true}')
  await receipts.next(({ receipt }) => receipt === 'confirmed-late')
})

t.test('nothing is sent later that was asked for while there was no connection', async (t) => {
  const hub = await startedHub(t)
  const watcher = await mqttTo(t, hub, { filter: '#' })
  const { client, is } = connected(t, hub)
  await t.rejects(client.command('relay/i2c0-3b', { state: true }), OfflineError)
  t.throws(() => client.publish('a', 1), OfflineError)
  // What only reads waits for the connection that is being made.
  t.same(await client.devices(), [])
  await is('open')
  client.publish('b', 2)
  t.equal(String((await watcher.on('nodes/bridge/0/b')).payload), '2')
  t.same(watcher.messages.items.filter(({ topic }) => !topic.startsWith('$')).length, 1)
})

t.test('what was asked for when the connection ends is not known, and said so', async (t) => {
  const hub = await startedHub(t)
  const { client, is } = connected(t, hub)
  await is('open')
  const command = client.command('relay/i2c0-3b', { state: true })
  const history = client.history('relay/i2c0-3b')
  const nodes = client.nodes()
  // What may wait for a connection asks in a turn of its own.
  for (let turn = 0; turn < 3; turn++) await Promise.resolve()
  client.close()
  await t.rejects(command, CommandUnknownError)
  await t.rejects(history, OfflineError)
  await t.rejects(nodes, OfflineError)
  await is('closed')
  await t.rejects(client.history('relay/i2c0-3b'), { code: 'offline' })
})

t.test('what the hub refuses of what was published is told, with its topic', async (t) => {
  const users = {
    clown: { password: 'bigclown', rules: [{ allow: ['read'], topic: '#' }] },
  } as const
  const hub = await startedHub(t, { users })
  const { client, is } = connected(t, hub)
  await is('open')
  const errors = createInbox<[error: ClownHubError, topic: string]>()
  client.onError((error, topic) => errors.put([error, topic]))
  client.publish('a', 1)
  const [error, topic] = await errors.next()
  t.match(error, { name: 'ClownHubError', code: 'forbidden' })
  t.equal(topic, 'a')
})

t.test('a history, the nodes and the devices are asked for', async (t) => {
  const hub = await startedHub(t)
  await obedientRelay(t, hub)
  const { client, is } = connected(t, hub)
  await is('open')
  const from = new Date(Date.now() - 3_600_000)
  const history = await client.history('relay/i2c0-3b', { from, points: 10 })
  t.match(history.series, [{ topic: 'relay/i2c0-3b', quantity: 'state', type: 'boolean' }])
  await t.rejects(client.history('relay/i2c0-3b', { from: 'never' }), { code: 'bad-payload' })
  t.match(await client.nodes(), [{ base: 'nodes/bridge/0', online: true }])
  t.match(await client.devices(), [{ name: 'relay/i2c0-3b', node: { base: 'nodes/bridge/0' } }])
})

t.test(
  'without a WebSocket, or for what is no URL of a hub, it says what is missing',
  async (t) => {
    const { WebSocket: own } = globalThis
    t.intercept(globalThis, 'WebSocket', { value: undefined })
    t.throws(() => connect('http://127.0.0.1'), { message: /the package ws/ })
    t.intercept(globalThis, 'WebSocket', { value: own })
    t.throws(() => connect('mqtt://127.0.0.1', { WebSocket }), {
      message: /http, https, ws or wss/,
    })
  },
)

t.test('what was said while the connection was lost follows, in order and once', async (t) => {
  const hub = await startedHub(t)
  const { client: node } = await mqttTo(t, hub)
  const publish = (topic: string, value: number) =>
    node.publishAsync(`nodes/bridge/0/${topic}`, String(value), { qos: 1 })
  const { WebSocket: ownClass, cut } = brittle()
  const { is, messages, client } = connected(t, hub, { ...clown, WebSocket: ownClass })
  const lamps = messages('lamp/+')
  await is('open')
  await publish('lamp/a', 0)
  await lamps.next()
  const doors = messages('door/+')
  await publish('door/a', 0)
  await doors.next()
  // Long enough for all that is published meanwhile.
  t.intercept(Math, 'random', { value: () => 60 })
  cut()
  await is('reconnecting')
  for (let at = 1; at <= 100; at++) await publish('lamp/a', at)
  await publish('window/a', 1)
  // Who asks meanwhile has it as well.
  const windows = messages('window/+')
  client.retry()
  await is('open')
  await lamps.next(({ value }) => value === 100)
  t.match(await windows.next(), { value: 1, isPast: true })
  await publish('lamp/a', 101)
  await lamps.next(({ value }) => value === 101)
  // Where this takes long, the lamp counts as overdue in between, and is told so.
  t.same(
    lamps.items.filter(({ isStale }) => !isStale).map(({ value }) => value),
    Array.from({ length: 102 }, (_, at) => at),
  )
  t.equal(doors.items.filter(({ isPast }) => !isPast).length, 1)
  t.equal(client.latest('lamp/a')?.value, 101)
})

t.test('who was away for too long is told so, and has the last values again', async (t) => {
  const hub = await startedHub(t, { limits: { websocket: { recoveryBytes: 1000 } } })
  const { client: node } = await mqttTo(t, hub)
  const { WebSocket: ownClass, cut } = brittle()
  const { is, messages, client } = connected(t, hub, { ...clown, WebSocket: ownClass })
  const lamps = messages('lamp/+')
  const missed = createInbox<number | undefined>()
  client.onMissed(missed.put)
  await is('open')
  await node.publishAsync('nodes/bridge/0/lamp/a', '0', { qos: 1 })
  await lamps.next()
  // Long enough for all that is published meanwhile.
  t.intercept(Math, 'random', { value: () => 60 })
  cut()
  await is('reconnecting')
  for (let at = 1; at <= 20; at++) {
    await node.publishAsync('nodes/bridge/0/lamp/a', String(at), { qos: 1 })
  }
  client.retry()
  await is('open')
  t.equal(await missed.next(), 20)
  t.match(await lamps.next(), { value: 20, isPast: true })
})

t.test('after a restart of the hub, nobody can tell how much was missed', async (t) => {
  const hub = await startedHub(t)
  const { is, messages, client } = connected(t, hub)
  const lamps = messages('lamp/+')
  const missed: unknown[] = []
  client.onMissed((count) => missed.push(count))
  await is('open')
  client.publish('lamp/a', 1)
  await lamps.next()
  await hub.close()
  await is('reconnecting')
  const again = await startedHub(t, { http: { port: hub.httpPort } })
  const { client: node } = await mqttTo(t, again)
  await node.publishAsync('nodes/bridge/0/lamp/a', '2', { qos: 1 })
  client.retry()
  await is('open')
  t.match(await lamps.next(), { value: 2, isPast: true })
  t.same(missed, [undefined])
})

t.test('a value whose device is not known any more is told once more, as stale', async (t) => {
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    bridge: { password: 'bigclown', role: 'node', base: 'nodes/bridge/0' },
  } as const
  const hub = await startedHub(t, { users })
  const { client, is, messages } = connected(t, hub)
  const relays = messages('relay/+')
  const presence = createInbox<HubPresence>()
  client.onPresence(presence.put)
  await is('open')
  const bridge = await mqttTo(t, hub, { username: 'bridge' })
  t.match(await presence.next(), { topic: '', online: true })
  await bridge.client.publishAsync('nodes/bridge/0/relay/a', '{"state":true}', { qos: 1 })
  t.match(await relays.next(({ isPast }) => !isPast), { isStale: false })
  bridge.client.end(true)
  t.match(await presence.next(({ topic }) => topic === 'relay/a'), { stale: true })
  t.match(await relays.next(), { value: { state: true }, isPast: true, isStale: true })
  t.match(client.latest('relay/a'), { isStale: true })
})

t.test('what nobody wants any more is not sent, and forgotten', async (t) => {
  const hub = await startedHub(t)
  const { client, is } = connected(t, hub)
  await is('open')
  const got = createInbox()
  const [one, other] = [client.on('lamp/+', got.put), client.on('lamp/#', got.put)]
  const { client: node } = await mqttTo(t, hub)
  await node.publishAsync('nodes/bridge/0/lamp/a', '1')
  await got.next()
  await got.next()
  one()
  one()
  t.match(client.latest('lamp/a'), { value: 1 })
  other()
  // Who changes their mind at once has it still.
  const again = client.on('lamp/#', got.put)
  await new Promise(setImmediate)
  again()
  await new Promise(setImmediate)
  t.equal(client.latest('lamp/a'), undefined)
})

t.test(
  'who comes to a filter later has what the others had, and may leave in between',
  async (t) => {
    const hub = await startedHub(t)
    const { client: node } = await mqttTo(t, hub)
    for (const name of ['a', 'b']) {
      await node.publishAsync(`nodes/bridge/0/lamp/${name}`, '1', { qos: 1 })
    }
    const { client, is, messages } = connected(t, hub)
    const first = messages('lamp/+')
    await is('open')
    await first.next()
    await first.next()
    const second = messages('lamp/+')
    await second.next()
    t.match(await second.next(), { value: 1, isPast: true })
    const once: string[] = []
    const stop = client.on('lamp/+', ({ topic }) => {
      once.push(topic)
      stop()
    })
    await new Promise(setImmediate)
    t.equal(once.length, 1)
  },
)

t.test('a command that was published without waiting for it is refused to onError', async (t) => {
  const hub = await startedHub(t)
  const { client, is } = connected(t, hub)
  await is('open')
  const errors = createInbox<string>()
  const stop = client.onError(({ code }) => errors.put(code))
  client.publish('relay/i2c0-3b/set', { state: 1 })
  t.equal(await errors.next(), 'bad-payload')
  stop()
  // Its receipts are for nobody, and no message.
  const all = createInbox<HubMessage>()
  client.on('#', all.put)
  await new Promise(setImmediate)
  client.publish('relay/i2c0-3b/set', { state: true })
  t.match(await all.next(), { topic: 'relay/i2c0-3b/set', value: { state: true } })
})
