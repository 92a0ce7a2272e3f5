import t from 'tap'
import { WebSocket } from 'ws'
import {
  type ClownHubError,
  CommandRefusedError,
  CommandTimedOutError,
  CommandUnknownError,
  connect,
  OfflineError,
  type Receipt,
} from '../../client/index.ts'
import { createInbox } from '../inbox.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { connected, obedientRelay } from './connected.ts'

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
  await t.rejects(client.history('relay/i2c0-3b'), { code: 'offline' })
  t.throws(() => client.publish('a', 1), OfflineError)
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
  client.close()
  await t.rejects(command, CommandUnknownError)
  await t.rejects(history, OfflineError)
  await is('closed')
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
