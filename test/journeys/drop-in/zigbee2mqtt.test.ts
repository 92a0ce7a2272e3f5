// The traffic of Zigbee2MQTT with 20 lamps, in topics, sizes, QoS and retain flags, by MQTT.js as it uses it
// itself: the hub with its default settings does with it what Mosquitto does.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import t, { type Test } from 'tap'
import { createInbox } from '../../inbox.ts'
import { type Login, requireProgram, run, startMosquitto, subscribe } from '../../programs.ts'
import { startedHub, talkTo } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'

const login = { user: 'clown', password: 'bigclown' }

/** JSON of exactly so many bytes. */
function jsonOf(bytes: number, mark: string): string {
  const entry = { ieee_address: mark, definition: { exposes: [{ type: 'light', features: [] }] } }
  const head = JSON.stringify([entry, ''])
  return head.replace(/""\]$/, `"${'x'.repeat(bytes - head.length)}"]`)
}

const lamps = Array.from({ length: 20 }, (_, at) => `lamp ${at + 1}`)

/** What the bridge tells when it starts: topic, bytes and whether it is retained. */
const started: readonly [topic: string, bytes: number, retain: boolean][] = [
  ['zigbee2mqtt/bridge/info', 19_500, true],
  ['zigbee2mqtt/bridge/definitions', 228_000, true],
  ['zigbee2mqtt/bridge/devices', 139_000, true],
  ['zigbee2mqtt/bridge/groups', 2300, true],
  ['zigbee2mqtt/bridge/extensions', 200, true],
  ['zigbee2mqtt/bridge/logging', 400, false],
]

async function startBridge(t: Test, port: number): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    username: login.user,
    password: login.password,
    clientId: 'mqttjs_z2m',
    keepalive: 60,
    reconnectPeriod: 0,
    will: {
      topic: 'zigbee2mqtt/bridge/state',
      payload: Buffer.from('{"state":"offline"}'),
      qos: 1,
      retain: true,
    },
  })
  t.teardown(() => client.endAsync(true))
  await client.subscribeAsync(['zigbee2mqtt/#', 'homeassistant/status'])
  const retained = { qos: 1, retain: true } as const
  await client.publishAsync('zigbee2mqtt/bridge/state', '{"state":"online"}', retained)
  for (const [topic, bytes, retain] of started) {
    await client.publishAsync(topic, jsonOf(bytes, '0x1'), { qos: 0, retain })
  }
  for (const lamp of lamps) {
    await client.publishAsync(`zigbee2mqtt/${lamp}/availability`, '{"state":"online"}', retained)
    const state = { state: 'OFF', brightness: 254, linkquality: 120 }
    await client.publishAsync(`zigbee2mqtt/${lamp}`, JSON.stringify(state), { qos: 0 })
  }
  return client
}

/** What somebody sees that comes later, sorted, up to `last`. */
async function seenLater(t: Test, at: Login, last: string): Promise<string[]> {
  const late = await subscribe(t, { ...at, filter: 'zigbee2mqtt/#', format: '%t %l %r' })
  const end = ['-t', last, '-m', 'x', '-q', '1', '-h', '127.0.0.1', '-p', String(at.port)]
  await run('mosquitto_pub', [...end, '-u', login.user, '-P', login.password])
  await late.next((line) => line.startsWith(`${last} `))
  await late.stop()
  return late.items.filter((line) => !line.startsWith(`${last} `)).sort()
}

/** All of it against one broker; what a home automation saw of it live and afterwards. */
async function lifeOf(t: Test, port: number) {
  const at = { port, ...login }
  const live = await subscribe(t, { ...at, filter: 'zigbee2mqtt/#', format: '%t %l %r' })
  const bridge = await startBridge(t, port)
  // Whoever subscribes before it is there sees it, too.
  await live.next((line) => line.startsWith(`zigbee2mqtt/${lamps.at(-1)} `))
  const afterStart = await seenLater(t, at, 'zigbee2mqtt/bridge/request/a')
  const more = { qos: 0, retain: true } as const
  await bridge.publishAsync('zigbee2mqtt/bridge/devices', jsonOf(700_000, '0x2'), more)
  const afterChange = await seenLater(t, at, 'zigbee2mqtt/bridge/request/b')
  bridge.stream.destroy()
  await live.next((line) => line.startsWith('zigbee2mqtt/bridge/state 19 '))
  return { live: [...live.items], afterStart, afterChange }
}

t.test('Zigbee2MQTT with 20 lamps behaves on the hub as on Mosquitto', async (t) => {
  for (const program of ['mosquitto', 'mosquitto_sub', 'mosquitto_pub'] as const) {
    if (requireProgram(t, program) === undefined) return
  }
  const hub = await startedHub(t)
  const mosquitto = await startMosquitto(t, { users: { [login.user]: login.password } })
  const [here, there] = [await lifeOf(t, hub.mqttPort), await lifeOf(t, mosquitto.port)]
  t.same(here, there)
  t.ok(here.afterStart.includes('zigbee2mqtt/bridge/definitions 228000 1'))
  t.ok(here.afterChange.includes('zigbee2mqtt/bridge/devices 700000 1'))
  t.equal(here.afterStart.filter((line) => line.includes('/availability ')).length, lamps.length)
  t.same(
    Object.keys(hub.counters()).filter((kind) => /refused|big|slow|ended/.test(kind)),
    [],
  )
})

t.test(
  'a camera sends a picture of 1.5 MB by mosquitto_pub; a page is told its size',
  async (t) => {
    if (requireProgram(t, 'mosquitto_pub') === undefined) return
    const hub = await startedHub(t)
    const picture = Buffer.alloc(1_500_000, Buffer.from('ffd8ffe000104a464946', 'hex'))
    const folder = testFolder(t)
    await writeFile(join(folder, 'picture.jpg'), picture)
    const reader = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, { ...mqttLogin() })
    t.teardown(() => reader.endAsync(true))
    const seen = createInbox<{ topic: string; payload: Buffer }>()
    reader.on('message', (topic, payload) => seen.put({ topic, payload }))
    await reader.subscribeAsync('cameras/#', { qos: 1 })
    const page = await talkTo(t, hub, '/talk/cameras')
    const { code } = await run('mosquitto_pub', [
      ...['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-u', login.user, '-P', login.password],
      ...['-t', 'cameras/door/image', '-q', '1', '-f', join(folder, 'picture.jpg')],
    ])
    t.equal(code, 0)
    const { topic, payload } = await seen.next()
    t.equal(topic, 'cameras/door/image')
    t.ok(payload.equals(picture), 'it came as it was')
    const [, error] = await page.on('door/image/error')
    t.match(error, { code: 'too-large', message: /at most 1048576 bytes, got 1500000$/ })
  },
)

t.test('a message past the limit is told, and the one behind it arrives', async (t) => {
  const hub = await startedHub(t)
  const reader = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, { ...mqttLogin() })
  t.teardown(() => reader.endAsync(true))
  const seen = createInbox<{ topic: string; payload: Buffer }>()
  reader.on('message', (topic, payload) => seen.put({ topic, payload }))
  await reader.subscribeAsync('backup/#', { qos: 1 })
  for (const protocol of ['mqtt', 'ws'] as const) {
    const port = protocol === 'mqtt' ? hub.mqttPort : hub.httpPort
    const sender = await connectAsync(`${protocol}://127.0.0.1:${port}/mqtt`, { ...mqttLogin() })
    t.teardown(() => sender.endAsync(true))
    const large = sender.publishAsync('backup/all', Buffer.alloc(3_000_000), { qos: 1 })
    await Promise.all([large, sender.publishAsync('backup/done', protocol, { qos: 1 })])
    t.ok(sender.connected)
    const error = await seen.next()
    t.equal(error.topic, 'backup/all/error')
    t.match(JSON.parse(error.payload.toString()), { code: 'too-large' })
    t.match(await seen.next(), { topic: 'backup/done', payload: Buffer.from(protocol) })
  }
  t.equal(hub.counters()['mqtt-packet-too-big'], 2)
})

function mqttLogin() {
  return { username: login.user, password: login.password, reconnectPeriod: 0 }
}
