import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { steadyMs } from '../../src/core/clock.ts'
import type { Message } from '../../src/core/message.ts'
import { createInbox } from '../inbox.ts'
import {
  freePort,
  publish,
  requireProgram,
  type StartedBroker,
  startMosquitto,
  startNats,
  subscribe,
} from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { busContract, hearing, messageOn } from './contract.ts'
import { openedForeignBus } from './opened-foreign-bus.ts'

const brokers: readonly [
  name: 'mosquitto' | 'nats-server',
  start: (t: Test) => Promise<StartedBroker>,
][] = [
  ['mosquitto', startMosquitto],
  ['nats-server', startNats],
]

for (const [name, start] of brokers) {
  t.test(`a bus over ${name} is one like any other`, async (t) => {
    if (requireProgram(t, name) === undefined) return
    const { url } = await start(t)
    // One for all: NATS takes four seconds to end a client, and nobody else is let in before.
    const { bus } = await openedForeignBus(t, { url })
    await busContract(t, async () => bus)
  })

  t.test(`what others have said on ${name}, and say, is told and overheard`, async (t) => {
    if (requireProgram(t, name) === undefined) return
    const { url, port } = await start(t)
    await publish({ port, topic: 'old/value', payload: '1', retain: true })
    await publish({ port, topic: 'old/large', payload: 'x'.repeat(2000), retain: true })
    const limits = { retained: { valueBytes: 1000 }, topic: { levels: 5 } }
    const overheard = createInbox<Message>()
    const hear = (message: Message) => {
      overheard.put(message)
      return message.topic !== 'new/secret'
    }
    const opened = await openedForeignBus(t, { url }, { overheard: hear, limits })
    const { bus, counters } = opened
    t.equal(bus.state.protocol, name === 'mosquitto' ? 'MQTT 5' : 'MQTT 3.1.1')
    t.equal(String(bus.retainedOn('old/value')?.payload.bytes), '1')
    t.equal(bus.retainedOn('old/large'), undefined)
    t.equal(counters.snapshot()['retained-refused'], 1)
    t.same(overheard.items, [], 'what was said before the hub came is not heard now')

    const all = hearing(t, bus, '#')
    await publish({ port, topic: 'a/b/c/d/e/f', payload: 'too deep' })
    await publish({ port, topic: 'hub/nodes/x', payload: 'the hub’s own' })
    await publish({ port, topic: 'new/secret', payload: '2' })
    await publish({ port, topic: 'old/value', payload: '', retain: true })
    await publish({ port, topic: 'new/value', payload: '3', retain: true })
    t.match(await all.next(), { topic: 'old/value', retain: true })
    t.equal(bus.retainedOn('old/value'), undefined)
    t.equal(await all.text(), '3')
    t.equal(bus.retainedOn('new/value') !== undefined, name === 'mosquitto', 'only MQTT 5 says so')
    t.same(
      overheard.items.map(({ topic }) => topic),
      ['new/secret', 'old/value', 'new/value'],
    )
    t.equal(counters.snapshot()['bus-messages-refused'], 1)
  })
}

t.test('of what is retained none is missed that Mosquitto would not queue', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { url } = await startMosquitto(t, { config: ['max_queued_messages 10'] })
  const client = await connectAsync(url, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync(true))
  const retain = (_: unknown, at: number) =>
    client.publishAsync(`n/${at}`, '1', { qos: 1, retain: true })
  await Promise.all(Array.from({ length: 1100 }, retain))
  const { bus } = await openedForeignBus(t, { url })
  t.ok(bus.retainedOn('n/0'))
  t.ok(bus.retainedOn('n/1099'))
  const told = createInbox<Message>()
  bus.subscribe('n/#', told.put)
  await client.publishAsync('n/0', '2', { qos: 1 })
  t.match(
    await told.next(),
    { topic: 'n/0', qos: 1, retain: false },
    'and what comes is acknowledged',
  )
})

t.test('what the hub tells of itself is mirrored, and that it is there', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { url, port } = await startMosquitto(t)
  const { bus } = await openedForeignBus(t, { url })
  const keep = { retain: true } as const
  bus.publish(messageOn('$SYS/hub/nodes/a', '1', keep))
  bus.publish(messageOn('$SYS/other', '1'))
  const outside = await subscribe(t, { port, filter: 'hub/#' })
  const next = (topic: string) => outside.next((line) => line.startsWith(`${topic} `))
  t.equal(await next('hub/nodes/a'), 'hub/nodes/a 1')
  t.equal(await next('hub/state'), 'hub/state {"online":true}')
  bus.publish(messageOn('$SYS/hub/nodes/a', '', keep))
  t.equal(await next('hub/nodes/a'), 'hub/nodes/a ')
  await publish({ port, topic: 'homeassistant/status', payload: 'online' })
  t.equal(await next('hub/state'), 'hub/state {"online":true}', 'said again to who was started')
  t.match(bus.refusalOf('hub/nodes/a'), { code: 'forbidden' })
  bus.publish(messageOn('hub/nodes/a', 'not ours'))
  await bus.close()
  t.equal(await next('hub/state'), 'hub/state {"online":false}')
  t.notOk(outside.items.includes('hub/nodes/a not ours'))
})

t.test('what MQTT 5 says of a message goes through a broker in both directions', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { url, port } = await startMosquitto(t)
  const one = (await openedForeignBus(t, { url })).bus
  const other = (await openedForeignBus(t, { url })).bus
  const heard = hearing(t, other, 'said/#')
  const said = [
    '0101', // It is text.
    '03000474657874', // Its content type is text.
    '0800016f', // It is to be answered on o.
    '090002cafe', // With these bytes.
    '26000161000131', // a is 1, and 2.
    '26000161000132',
  ].join('')
  const bytes = Buffer.from(said, 'hex')
  const inAMinute = { bytes, expiresAtMs: steadyMs() + 60_000 }
  for (const [topic, properties] of [
    ['said/a', { bytes }],
    ['said/b', inAMinute],
    ['said/never', { bytes, expiresAtMs: steadyMs() - 1 }],
    ['said/c/set', inAMinute],
  ] as const) {
    one.publish(messageOn(topic, '1', { properties, retain: topic === 'said/b' }))
  }
  for (const topic of ['said/a', 'said/b', 'said/c/set']) {
    const message = await heard.next()
    t.equal(message.topic, topic, 'what has had its time is not sent')
    t.equal(message.properties?.bytes.toString('hex'), said)
    const left = (message.properties?.expiresAtMs ?? 0) - steadyMs()
    t.equal(left > 0, topic !== 'said/a')
  }
  t.equal(other.retainedOn('said/b')?.properties?.bytes.toString('hex'), said)
  const extra = ['-V', '5', '-D', 'publish', 'message-expiry-interval', '1']
  await publish({ port, topic: 'said/short', payload: '1', retain: true, extra })
  await heard.next()
  t.ok(other.retainedOn('said/short'))
  const isOver = () => other.retainedOn('said/short') === undefined
  while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 50))
  t.pass('it is of no use any more')
})

t.test('what the hub does not hear again is told here at once', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { url, port } = await startMosquitto(t)
  const { bus } = await openedForeignBus(t, { url, filters: ['zigbee2mqtt/#'], clientId: 'one' })
  const outside = await subscribe(t, { port, filter: 'devices/#' })
  const all = hearing(t, bus, '#')
  bus.publish(messageOn('devices/x', '1'))
  t.equal(all.items.length, 1)
  t.equal(await outside.next(), 'devices/x 1')
})

t.test('a broker that is away is waited for, and nothing is kept for it', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const port = await freePort()
  const url = `mqtt://127.0.0.1:${port}`
  const { bus, states, counters } = await openedForeignBus(t, { url })
  const keep = { retain: true } as const
  t.match(bus.state, { state: 'away', reason: /ECONNREFUSED/ })
  t.ok(bus.state.nextTry)
  t.match(bus.refusalOf('a'), { code: 'bus-away', message: /ECONNREFUSED/ })
  bus.publish(messageOn('a', 'lost'))
  t.equal(counters.snapshot()['bus-away'], 1)
  bus.publish(messageOn('$SYS/hub/nodes/a', 'kept', keep))
  bus.publish(messageOn('$SYS/hub/nodes/b', '', keep))
  bus.recall('a')

  const broker = await startMosquitto(t, { port })
  const isThere = (state: unknown) => JSON.stringify(state).includes('"connected"')
  await states.next(isThere)
  t.equal(bus.refusalOf('a'), undefined)
  const outside = await subscribe(t, { port, filter: '#' })
  t.equal(await outside.next((line) => line.startsWith('hub/nodes')), 'hub/nodes/a kept')
  t.notOk(outside.items.some((line) => line.includes('lost')))
  const all = hearing(t, bus, 'kept/#')
  await publish({ port, topic: 'kept/there', payload: '1', retain: true })
  await publish({ port, topic: 'kept/same', payload: '1', retain: true })
  await publish({ port, topic: 'kept/gone', payload: '1', retain: true })
  for (let at = 0; at < 3; at++) await all.next()

  await broker.stop()
  await states.next((state) => JSON.stringify(state).includes('"away"'))
  await startMosquitto(t, { port })
  await publish({ port, topic: 'kept/same', payload: '1', retain: true })
  await publish({ port, topic: 'kept/there', payload: '2', retain: true })
  await states.next(isThere)
  t.equal(await all.text(), '2', 'what has changed meanwhile is told')
  t.equal(bus.retainedOn('kept/gone'), undefined, 'and what the broker has lost is gone')
  t.ok(bus.retainedOn('$SYS/hub/nodes/a'))
})

t.test('who is not let in is told why, and who is comes by name and password', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const folder = await testFolder(t)
  const acl = join(folder, 'acl')
  await writeFile(acl, 'user hub\ntopic readwrite #\ntopic deny door/set\n', { mode: 0o600 })
  const config = [`acl_file ${acl}`]
  const { url } = await startMosquitto(t, { users: { hub: 'right', other: 'right' }, config })
  const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')]
  await writeFile(right, 'right\n', { mode: 0o600 })
  await writeFile(wrong, 'wrong\n', { mode: 0o600 })
  const refused = await openedForeignBus(t, { url, user: 'hub', passwordFile: wrong })
  t.match(refused.bus.state, { state: 'away', reason: /Not authorized/ })
  const none = await openedForeignBus(t, { url, user: 'hub', passwordFile: right })
  t.equal(none.bus.state.state, 'connected')

  const told = createInbox<unknown>()
  const receivers = { withinMs: 100, untaken: told.put, owes: () => {}, has: () => {} }
  none.bus.publish(messageOn('door/set', '1', { receivers }))
  t.match(await told.next(), { code: 'forbidden', message: /door\/set/ })
  none.bus.publish(messageOn('window/set', '1'))
  none.bus.recall('other/set')
  t.equal(none.bus.state.state, 'connected')
})
