import t, { type Test } from 'tap'
import { publish, requireProgram, run, subscribe } from '../programs.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { requirePython, startPython } from './drop-in/python.ts'
import { startLab } from './started-lab.ts'

const clown = { user: 'clown', password: 'bigclown' }
const five = ['-V', 'mqttv5']

t.test("Mosquitto's programs publish and subscribe by MQTT 5, with properties", async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t)
  const login = { ...clown, port: hub.mqttPort }
  const format = '%t %p %C %P %R'
  const heard = await subscribe(t, { ...login, filter: 'a/#', format, extra: five })
  const old = await subscribe(t, { ...login, filter: 'a/#' })
  const said = ['-D', 'publish', 'content-type', 'text/plain']
  const user = ['-D', 'publish', 'user-property', 'room', 'kitchen']
  const answer = ['-D', 'publish', 'response-topic', 'answer']
  for (const qos of [0, 1, 2] as const) {
    const extra = [...five, ...said, ...user, ...answer]
    const { code } = await publish({ ...login, topic: 'a/b', payload: `${qos}`, qos, extra })
    t.equal(code, 0)
    t.equal(await heard.next(), `a/b ${qos} text/plain room:kitchen answer`)
    t.equal(await old.next(), `a/b ${qos}`)
  }
})

t.test('mosquitto_pub is told why its message was refused', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const rules = [{ allow: ['read' as const], topic: '#' }]
  const hub = await startedHub(t, { users: { weak: { password: 'x', rules } } })
  const login = { port: hub.mqttPort, user: 'weak', password: 'x' }
  const { output } = await publish({ ...login, topic: 'a', payload: '1', extra: [...five, '-d'] })
  t.match(output, /rc135|rc=135|[Nn]ot authori[sz]ed|Warning: Publish 1 failed/)
})

t.test('mosquitto_rr commands a relay of the lab, and prints that it has obeyed', async (t) => {
  const program = requireProgram(t, 'mosquitto_rr')
  if (program === undefined) return
  const lab = await startLab(t)
  const command = ['-t', 'nodes/bridge/0/relay/i2c0-3b/set', '-e', 'answers/clown/rr']
  const login = ['-h', '127.0.0.1', '-p', `${lab.mqttPort}`, '-u', 'clown', '-P', 'bigclown']
  const words = ['-i', 'rr', '-q', '1', '-m', '{"state":true}', '-W', '10']
  const { code, output } = await run(program, [...login, ...five, ...command, ...words])
  t.equal(code, 0)
  t.match(output, /"receipt":"confirmed"/)
})

t.test('MQTT.js speaks 5 and 4 to each other by the hub', async (t) => {
  const hub = await startedHub(t)
  const newer = await mqttTo(t, hub, { protocolVersion: 5, filter: 'x/#' })
  const older = await mqttTo(t, hub, { filter: 'x/#' })
  const seen: unknown[] = []
  newer.client.on('message', (_topic, _payload, { properties }) => seen.push(properties))
  await newer.client.publishAsync('x/a', 'from 5', {
    qos: 2,
    properties: { contentType: 't', userProperties: { k: ['1', '2'] } },
  })
  t.match(await older.on('x/a'), { payload: Buffer.from('from 5') })
  await newer.on('x/a')
  t.match(seen, [{ contentType: 't', userProperties: { k: ['1', '2'] } }])
  await older.client.publishAsync('x/b', 'from 4', { qos: 2 })
  t.match(await newer.on('x/b'), { payload: Buffer.from('from 4'), qos: 1 })
  await t.rejects(newer.client.publishAsync('$SYS/x', '', { qos: 1 }), { code: 0x90 })
})

/** As Home Assistant connects by MQTT 5: a clean start, no expiry, no identifiers, 500 filters. */
const homeAssistant = `
import json, sys
import paho.mqtt.client as mqtt
filters = json.loads(sys.argv[2])
client = mqtt.Client(client_id='homeassistant', protocol=mqtt.MQTTv5)
client.username_pw_set('clown', 'bigclown')
client.on_connect = lambda client, data, flags, code, properties: (print('connected', code), client.subscribe([(filter, mqtt.SubscribeOptions(qos=1)) for filter in filters]))
client.on_subscribe = lambda client, data, mid, codes, properties: print('granted', len([code for code in codes if code.value == 1]))
client.on_message = lambda client, data, message: print(message.topic, message.payload.decode(), getattr(message.properties, 'UserProperty', []))
client.on_disconnect = lambda client, data, code, properties=None: print('ended', code)
client.connect('127.0.0.1', int(sys.argv[1]), clean_start=True)
client.loop_start()
for line in sys.stdin:
    client.publish(line.strip(), 'on', qos=1)
`

t.test('a client such as Home Assistant works by MQTT 5', async (t) => {
  if (!(await requirePython(t, 'paho.mqtt.client'))) return
  const hub = await startedHub(t)
  const filters = Array.from({ length: 500 }, (_, at) => `homeassistant/sensor/${at}/state`)
  const program = startPython(t, homeAssistant, [hub.mqttPort, JSON.stringify(filters)])
  t.equal(await program.next(), 'connected Success')
  t.equal(await program.next(), 'granted 500')
  const other = await mqttTo(t, hub, { protocolVersion: 5, filter: 'light/set' })
  const properties = { userProperties: { from: 'a lamp' } }
  await other.client.publishAsync('homeassistant/sensor/7/state', '21', { qos: 1, properties })
  t.equal(await program.next(), "homeassistant/sensor/7/state 21 [('from', 'a lamp')]")
  program.say('light/set')
  t.match(await other.on('light/set'), { payload: Buffer.from('on') })
  await hub.close()
  t.match(await program.next(), /^ended/)
  t.same(
    Object.keys(hub.counters()).filter((name) => name.startsWith('mqtt-')),
    [],
  )
})

/** The frames of a page that asks for properties. */
async function pageOf(t: Test, hub: Parameters<typeof talkTo>[1], asks: boolean) {
  const talk = await talkTo(t, hub, '/talk')
  talk.send('clown.talk/-/config/set', asks ? { properties: true } : {})
  await talk.on('clown.talk/-/config/ok')
  return talk
}

t.test('a page that asks for it sees what MQTT 5 says of a message, and says it', async (t) => {
  const hub = await startedHub(t, {
    users: { clown: { password: 'bigclown', role: 'admin' }, anonymous: { role: 'admin' } },
  })
  const newer = await mqttTo(t, hub, { protocolVersion: 5, filter: 'from/page' })
  const [asking, other] = [await pageOf(t, hub, true), await pageOf(t, hub, false)]
  const properties = { contentType: 'text/plain', userProperties: { room: 'kitchen' } }
  await newer.client.publishAsync('a/b', '1', { qos: 1, properties })
  const said = { contentType: 'text/plain', userProperties: [['room', 'kitchen']] }
  t.same(await asking.on('a/b'), ['a/b', 1, said])
  t.same(await other.on('a/b'), ['a/b', 1])
  await newer.client.publishAsync('a/c', '2', { qos: 1 })
  t.same(await asking.on('a/c'), ['a/c', 2])
  const parts = [
    [{ contentType: 'text/plain' }, { contentType: 'text/plain' }],
    [{ userProperties: { room: 'hall' } }, { userProperties: [['room', 'hall']] }],
    [{ payloadFormatIndicator: true }],
  ] as const
  for (const [some, told] of parts) {
    await newer.client.publishAsync('a/d', '4', { qos: 1, properties: some })
    t.same(await asking.on('a/d'), ['a/d', 4, ...(told === undefined ? [] : [told])])
  }
  asking.send('clown.talk/-/config/set', { properties: true })
  await asking.on('clown.talk/-/config/ok')
  t.same(await asking.on('a/b'), ['a/b', 1], 'what is remembered are values')
  const packet = new Promise((resolve) => {
    newer.client.once('message', (_topic, _payload, { properties: seen }) => resolve(seen))
  })
  asking.send('from/page', 3, said)
  t.match(await packet, properties)
})
