import { connect, connectAsync, type IClientOptions, type IPublishPacket } from 'mqtt'
import t, { type Test } from 'tap'
import { checkConfig } from '../../src/config.ts'
import { createInbox } from '../inbox.ts'
import { lastingStore } from '../store/lasting-store.ts'
import { openedBroker } from './opened-broker.ts'

const { limits } = checkConfig({ users: { anonymous: { role: 'admin' } } })
const few = { sessions: { ...limits.sessions, messages: 2 } }
const own = '$SYS/hub/dropped/kept'

/** A client whose messages are there from the first one on. */
function client(t: Test, port: number, options: IClientOptions) {
  const came = createInbox<IPublishPacket>()
  const opened = connect(`mqtt://127.0.0.1:${port}`, {
    clientId: 'kept',
    reconnectPeriod: 0,
    ...options,
  })
  t.teardown(() => opened.endAsync(true))
  opened.on('message', (_topic, _payload, packet) => came.put(packet))
  return { came, client: opened }
}

/** A broker with a client that is away, and has lost three messages of five. */
async function losing(t: Test, options: IClientOptions, filters: string[]) {
  const store = await lastingStore()
  const broker = await openedBroker(t, store, few)
  const away = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
    clientId: 'kept',
    ...options,
  })
  await away.subscribeAsync(filters, { qos: 1 })
  await away.endAsync()
  const sender = await connectAsync(`mqtt://127.0.0.1:${broker.port}`)
  t.teardown(() => sender.endAsync(true))
  for (let count = 1; count <= 5; count++) await sender.publishAsync('a', String(count), { qos: 1 })
  return { broker, store }
}

const text = ({ payload }: IPublishPacket) => String(payload)
const lost = { count: 3, since: /^20\d\d-.*Z$/ }

t.test('F46: a client is told what was dropped of its queue, once', async (t) => {
  const options = { clean: false }
  const { broker } = await losing(t, options, ['a', own])
  const back = client(t, broker.port, options)
  await back.came.next((packet) => text(packet) === '5')
  t.same(
    back.came.items.map(({ topic }) => topic),
    [own, 'a', 'a'],
  )
  t.match(JSON.parse(text(await back.came.next(({ topic }) => topic === own))), lost)
  await back.client.endAsync()
  const again = client(t, broker.port, options)
  await again.client.publishAsync('a', 'new')
  await again.came.next((packet) => text(packet) === 'new')
  t.equal(again.came.items.length, 1)
})

t.test(
  'F46: who subscribes to that when it is back is told then, also by another hub',
  async (t) => {
    const options = { clean: false }
    const { broker, store } = await losing(t, options, ['a', '#'])
    broker.hurry()
    await broker.close()
    const { port } = await openedBroker(t, store, few)
    const back = client(t, port, options)
    await back.came.next((packet) => text(packet) === '5')
    t.same(
      back.came.items.map(({ topic }) => topic),
      ['a', 'a'],
    )
    await back.client.subscribeAsync(own)
    t.match(JSON.parse(text(await back.came.next(({ topic }) => topic === own))), lost)
  },
)

t.test('F46: over MQTT 5 the first message tells it, too', async (t) => {
  const properties = { sessionExpiryInterval: 3600 }
  const options = { clean: false, protocolVersion: 5, properties } as const
  const { broker } = await losing(t, options, ['a'])
  const back = client(t, broker.port, options)
  await back.came.next((packet) => text(packet) === '5')
  t.match(
    back.came.items.map(({ properties }) => properties?.userProperties?.['clown-hub-dropped']),
    [/^3 since 20\d\d-.*Z$/, undefined],
  )
})
