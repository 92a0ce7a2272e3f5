import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { budgetForNow, useUp } from '../overload.ts'
import { publishPacket, type RawMqtt, rawMqttTo, settled, signedIn } from '../raw-mqtt.ts'
import { mqttTo, type StartedHub, startedHub, talkOver, talkTo } from '../started-hub.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  good: { password: 'two', role: 'node', base: 'nodes/good' },
  bad: { password: 'three', role: 'node', base: 'nodes/bad' },
} as const

const fast = { mqtt: { publishesPerSecond: 100_000, publishBurst: 100_000 } }

async function nodeOf(t: Test, hub: StartedHub, user: 'good' | 'bad'): Promise<RawMqtt> {
  const { password } = users[user]
  return signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: user, user, password })
}

/** Sends one message on each of so many topics below the base of a node. */
async function reportOn(node: RawMqtt, count: number, messageOf: (at: number) => Buffer) {
  for (let from = 0; from < count; from += 100) {
    const length = Math.min(100, count - from)
    node.send(Buffer.concat(Array.from({ length }, (_, at) => messageOf(from + at))))
    await settled(node)
  }
}

/** What is asked of the hub as its admin. */
async function asked(hub: StartedHub, path: string): Promise<unknown> {
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  const response = await fetch(`http://127.0.0.1:${hub.httpPort}${path}`, { headers })
  return response.json()
}

t.test(
  'F65: a node with thousands of topics takes no device and no last value of another one',
  async (t) => {
    const nodes = { devices: 200 }
    const hub = await startedHub(t, {
      users,
      limits: { ...fast, nodes, retained: { topics: 200 } },
    })
    const good = await nodeOf(t, hub, 'good')
    const report = (base: string) => (at: number) =>
      publishPacket(`nodes/${base}/thermometer/${at}`, { payload: '{"temperature":[21,"°C"]}' })
    await reportOn(good, 50, report('good'))
    await reportOn(await nodeOf(t, hub, 'bad'), 2000, report('bad'))
    const page = await talkTo(t, hub, '/talk/nodes/good')
    page.send('clown.talk/-/config/set', {})
    for (let at = 0; at < 50; at++) await page.on(`thermometer/${at}`)
    const all = JSON.stringify(await asked(hub, '/api/nodes'))
    for (let at = 0; at < 50; at++) t.match(all, `nodes/good/thermometer/${at}"`)
  },
)

t.test(
  'F65: a node with hundreds of messages of 64 numbers keeps no other out of the history',
  async (t) => {
    const hub = await startedHub(t, { users, limits: { ...fast, history: { series: 1000 } } })
    const numbers = JSON.stringify(
      Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`q${at}`, at])),
    )
    const bad = await nodeOf(t, hub, 'bad')
    await reportOn(bad, 320, (at) => publishPacket(`nodes/bad/meter/${at}`, { payload: numbers }))
    const { client } = await mqttTo(t, hub, {
      username: 'good',
      password: 'two',
      filter: 'nodes/good/+/+/set',
    })
    await client.publishAsync('nodes/good/meter/1', numbers, { qos: 1 })
    const { series } = Object(await asked(hub, '/api/history?topic=nodes/good/meter/1'))
    t.equal(series.length, 64)
    t.ok(Number(hub.counters()['history-series-refused']) > 19_000, 'past its share, none is taken')
  },
)

t.test(
  'F66: an overloaded hub drops reports of a node that sends too much, and of no other',
  async (t) => {
    const memory = budgetForNow()
    const hub = await startedHub(t, { users, limits: { ...fast, memory } })
    const [good, bad] = [await nodeOf(t, hub, 'good'), await nodeOf(t, hub, 'bad')]
    const page = await talkTo(t, hub, '/talk')
    const report = (base: string) => (at: number) =>
      publishPacket(`nodes/${base}/n/${at}`, { payload: '1' })
    await reportOn(bad, 2000, report('bad'))
    await useUp(memory, t, hub)
    await reportOn(bad, 100, report('bad'))
    await reportOn(good, 5, report('good'))
    await page.on('nodes/good/n/4')
    t.equal(hub.counters()['reports-shed'], 100)
  },
)

t.test('F66: an overloaded hub drops no report for the questions of a viewer', async (t) => {
  const memory = budgetForNow()
  const viewer = { password: 'four', role: 'viewer' } as const
  const hub = await startedHub(t, { users: { ...users, viewer }, limits: { ...fast, memory } })
  const url = `ws://viewer:four@127.0.0.1:${hub.httpPort}/talk/nodes/good`
  const asking = await talkOver(t, new WebSocket(url))
  const good = await nodeOf(t, hub, 'good')
  const page = await talkTo(t, hub, '/talk')
  await reportOn(good, 5, (at) => publishPacket(`nodes/good/n/${at}`, { payload: '1' }))
  for (let count = 0; count < 60; count++) asking.send(`n/${count % 5}/history/get`, { from: '7d' })
  for (let count = 0; count < 60; count++) await asking.on(`n/${count % 5}/history/ok`)
  await useUp(memory, t, hub)
  asking.send('n/0/history/get', {})
  t.match(await asking.on('n/0/history/get/error'), [String, { code: 'too-fast' }])
  await reportOn(good, 5, (at) => publishPacket(`nodes/good/late/${at}`, { payload: '1' }))
  await page.on('nodes/good/late/4')
  t.equal(hub.counters()['reports-shed'], undefined)
})
