import t, { type Test } from 'tap'
import { publishPacket, type RawMqtt, rawMqttTo, settled, signedIn } from '../raw-mqtt.ts'
import { mqttTo, type StartedHub, startedHub, talkTo } from '../started-hub.ts'

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
