import t from 'tap'
import { publish, requireProgram } from '../../programs.ts'
import { mqttTo, type StartedHub, startedHub } from '../../started-hub.ts'
import { requirePython, startPython } from './python.ts'

/** As Home Assistant calls them. */
const filters = Array.from({ length: 500 }, (_, at) =>
  at % 5 === 0 ? `homeassistant/+/device_${at}/config` : `zigbee2mqtt/device_${at}/availability`,
)
const topics = filters.map((filter) => filter.replace('+', 'sensor'))
/** What is said on both: what describes a sensor. */
const configOf = (name: string) => JSON.stringify({ name, state_topic: `house/${name}` })

/** Home Assistant's own client is paho: it asks for all in one packet, and again when it comes back. */
const subscriber = `
import json, socket, sys
import paho.mqtt.client as mqtt
filters = json.loads(sys.argv[2])
client = mqtt.Client(client_id='homeassistant')
client.username_pw_set('clown', 'bigclown')
client.on_connect = lambda client, data, flags, code: (print('connected', code), client.subscribe([(filter, 1) for filter in filters]))
client.on_subscribe = lambda client, data, mid, granted: print('granted', granted.count(1))
client.on_message = lambda client, data, message: print(message.topic, message.payload.decode())
client.connect('127.0.0.1', int(sys.argv[1]))
client.loop_start()
for line in sys.stdin:
    client.socket().shutdown(socket.SHUT_RDWR)
`

/** A machine with much other work makes the hub late, which it counts as well. */
function countedBy(hub: StartedHub): string[] {
  return Object.keys(hub.counters()).filter((name) => name !== 'event-loop-lag')
}

t.test('paho has 500 filters granted in one packet, and again after a reconnect', async (t) => {
  if (
    requireProgram(t, 'mosquitto_pub') === undefined ||
    !(await requirePython(t, 'paho.mqtt.client'))
  )
    return
  const hub = await startedHub(t)
  const admin = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  const program = startPython(t, subscriber, [hub.mqttPort, JSON.stringify(filters)])
  for (const round of ['first', 'second']) {
    t.equal(await program.next(), 'connected 0')
    t.equal(await program.next(), 'granted 500')
    for (const topic of [topics[0], topics[499]]) {
      await publish({ ...admin, topic: String(topic), payload: configOf(round) })
      t.equal(await program.next(), `${topic} ${configOf(round)}`)
    }
    if (round === 'first') program.say('cut')
  }
  t.same(countedBy(hub), [])
})

t.test('MQTT.js has all of its 500 filters after a reconnect', async (t) => {
  const hub = await startedHub(t)
  const { client, on } = await mqttTo(t, hub, { reconnectPeriod: 10, clientId: 'node-red' })
  // Node-RED and others ask for one at a time.
  for (const filter of filters) client.subscribe(filter, { qos: 1 })
  await client.publishAsync(String(topics[499]), 'first', { qos: 1 })
  await on(String(topics[499]))
  const back = new Promise<void>((resolve) => client.once('connect', () => resolve()))
  client.stream.destroy()
  await back
  const other = await mqttTo(t, hub)
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  for (const topic of [topics[0], topics[499]]) {
    await other.client.publishAsync(String(topic), configOf('second'), { qos: 1 })
    t.match(await on(String(topic)), { payload: Buffer.from(configOf('second')) })
  }
  t.same(countedBy(hub), [])
})
