import t from 'tap'
import type { Message } from '../../src/core/message.ts'
import {
  type BrokerState,
  emptyBroker,
  Traffic,
  tellStatistics,
} from '../../src/mqtt/statistics.ts'
import { steppedClock } from '../clock.ts'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { startedHub } from '../started-hub.ts'

/** Statistics of a broker that is as a test says, and what was told of it last. */
function startStatistics() {
  const clock = steppedClock()
  const traffic = new Traffic()
  const told = new Map<string, string>()
  const messages: Message[] = []
  const broker: { state: BrokerState } = { state: emptyBroker }
  const stop = tellStatistics({
    bus: {
      publish: (message) => {
        messages.push(message)
        told.set(message.topic.slice('$SYS/broker/'.length), String(message.payload.bytes))
      },
    },
    traffic: () => traffic,
    state: () => broker.state,
    release: { version: '1.2.3' },
    clock,
  })
  clock.step(0)
  return { clock, traffic, told, messages, broker, stop }
}

t.test('a broker is told of under the names that Mosquitto has', async (t) => {
  const { clock, traffic, told, messages, broker, stop } = startStatistics()
  t.equal(told.get('version'), 'clown-hub version 1.2.3')
  t.ok(messages.every(({ topic, retain }) => topic.startsWith('$SYS/broker/') && retain))
  broker.state = { ...emptyBroker, connected: 3, disconnected: 2, subscriptions: 7, retained: 4 }
  Object.assign(traffic, { packetsReceived: 10, messagesSent: 5, bytesSent: 500 })
  clock.step(10_000)
  for (const [name, value] of Object.entries({
    uptime: '10 seconds',
    'clients/connected': '3',
    'clients/disconnected': '2',
    'clients/total': '5',
    'clients/maximum': '3',
    'messages/received': '10',
    'publish/messages/sent': '5',
    'bytes/sent': '500',
    'subscriptions/count': '7',
    'retained messages/count': '4',
  })) {
    t.equal(told.get(name), value, name)
  }
  broker.state = { ...emptyBroker, connected: 1 }
  const before = messages.length
  clock.step(10_000)
  t.equal(told.get('clients/maximum'), '3')
  const again = messages.slice(before).map(({ topic }) => topic)
  t.notOk(again.includes('$SYS/broker/bytes/sent'), 'what has not changed is not told again')
  stop()
  const after = messages.length
  clock.step(60_000)
  t.equal(messages.length, after)
})

t.test('loads are averages of a minute, over 1, 5 and 15 of them', async (t) => {
  const { clock, traffic, told } = startStatistics()
  for (let step = 0; step < 6 * 60; step++) {
    traffic.messagesReceived += 100
    clock.step(10_000)
  }
  for (const minutes of [1, 5, 15]) {
    const value = Number(told.get(`load/publish/received/${minutes}min`))
    t.ok(value > 580 && value <= 600, `${value} over ${minutes}`)
  }
  for (let step = 0; step < 6; step++) clock.step(10_000)
  const [one = 0, five = 0, fifteen = 0] = [1, 5, 15].map((minutes) =>
    Number(told.get(`load/publish/received/${minutes}min`)),
  )
  t.ok(one < five && five < fifteen, 'the past counts longer in the longer ones')
})

t.test('an admin reads them with what was made for Mosquitto', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t)
  const login = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  await publish({ ...login, topic: 'a', payload: '1' })
  const all = await subscribe(t, { ...login, filter: '$SYS/broker/#' })
  t.match(
    await all.next((line) => line.startsWith('$SYS/broker/clients/connected ')),
    /connected \d$/,
  )
  t.match(await all.next((line) => line.startsWith('$SYS/broker/version ')), /clown-hub version/)
  const own = all.items.filter((line) => !/^\$SYS\/(broker|hub)\//.test(line))
  t.same(own, [], 'and nothing that Aedes tells of itself')
})
