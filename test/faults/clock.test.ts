import { connect } from 'mqtt'
import t from 'tap'
import { createInbox } from '../inbox.ts'
import { mqttTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { crashingHub } from './crashing-hub.ts'

const yearMs = 365 * 86_400_000

/** A program that sets the time of day of the hub it is loaded before. */
function setBy(aheadMs: number): string {
  const code = `const now = Date.now; Date.now = () => now() + ${aheadMs}`
  return `data:text/javascript,${encodeURIComponent(code)}`
}

const kept = { clientId: 'kept', clean: false, protocolVersion: 5 } as const
const dayLong = { properties: { sessionExpiryInterval: 86_400 } }

t.test('F45: a clock that is a year ahead at one start, or in 1970, ends nothing', async (t) => {
  const hub = crashingHub(t, testFolder(t))
  const { client } = await mqttTo(t, await hub.start(), { ...kept, ...dayLong })
  await client.subscribeAsync('a/#', { qos: 1 })
  await client.endAsync(true)
  let count = 0
  for (const aheadMs of [0, yearMs, -Date.now(), 0]) {
    await hub.end('SIGKILL')
    const ahead = await hub.start([`--import=${setBy(aheadMs)}`])
    const { client: sender } = await mqttTo(t, ahead, { protocolVersion: 5 })
    count += 1
    await sender.publishAsync('a/b', String(count), {
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval: 3600 },
    })
    await sender.endAsync()
  }
  await hub.end('SIGKILL')
  const ports = await hub.start()
  // What waits comes with the connection.
  const messages = createInbox<string>()
  const credentials = { username: 'clown', password: 'bigclown', reconnectPeriod: 0 }
  const again = connect(`mqtt://127.0.0.1:${ports.mqttPort}`, {
    ...kept,
    ...dayLong,
    ...credentials,
  })
  t.teardown(() => again.endAsync(true))
  again.on('message', (_topic, payload) => messages.put(String(payload)))
  await messages.next(() => messages.items.length === count)
  t.same(messages.items, ['1', '2', '3', '4'])
  const reader = await mqttTo(t, ports, { filter: 'a/#' })
  t.equal(String((await reader.on('a/b')).payload), '4')
})
