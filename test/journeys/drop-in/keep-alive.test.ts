import t from 'tap'
import { publish, requireProgram, subscribe } from '../../programs.ts'
import { connectPacket, rawMqttTo } from '../../raw-mqtt.ts'
import { startedHub } from '../../started-hub.ts'
import { requirePython, startPython } from './python.ts'

const base = 'nodes/garden/0'
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  garden: { password: 'bigclown', role: 'node', base },
} as const

/** A relay as MicroPython sketches write it: it promises no packets, and speaks only when it is spoken to. */
const relay = `
import sys
import paho.mqtt.client as mqtt
port, base, keep_alive = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
client = mqtt.Client(client_id='umqtt')
client.username_pw_set('garden', 'bigclown')
client.on_connect = lambda client, data, flags, code: (print('connected', code), client.subscribe(base + '/relay/1/set'))
client.on_subscribe = lambda client, data, mid, granted: print('subscribed')
client.on_message = lambda client, data, message: client.publish(base + '/relay/1', message.payload)
client.on_disconnect = lambda client, data, code: print('gone', code)
client.connect('127.0.0.1', port, keepalive=keep_alive)
client.loop_forever()
`

t.test('clients with no keep-alive, or a long one, stay connected by default', async (t) => {
  if (
    requireProgram(t, 'mosquitto_sub') === undefined ||
    !(await requirePython(t, 'paho.mqtt.client'))
  )
    return
  const hub = await startedHub(t, { users })
  const admin = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  for (const keepAlive of [0, 3600, 65_535]) {
    const program = startPython(t, relay, [hub.mqttPort, base, keepAlive])
    t.equal(await program.next(), 'connected 0', `${keepAlive} s`)
    await program.next()
  }
  const patient = await subscribe(t, { ...admin, filter: 'x', extra: ['-k', '3600'] })
  await publish({ ...admin, topic: 'x', payload: '1', extra: ['-k', '65535'] })
  t.equal(await patient.next(), 'x 1')
})

t.test('what umqtt.simple sends is accepted as it comes', async (t) => {
  const hub = await startedHub(t, { users })
  const raw = await rawMqttTo(t, hub.mqttPort)
  const fields = { clientId: 'umqtt_client', keepAliveSeconds: 0, level: 4, clean: true }
  raw.send(connectPacket({ ...fields, user: 'garden', password: 'bigclown' }))
  t.equal(await raw.next(), '20020000')
})

t.test(
  'a node that promised no packets is shown stale in time, and still gets its commands',
  async (t) => {
    if (
      requireProgram(t, 'mosquitto_sub') === undefined ||
      !(await requirePython(t, 'paho.mqtt.client'))
    )
      return
    const hub = await startedHub(t, { users, limits: { mqtt: { keepAliveSeconds: 1 } } })
    const admin = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
    const told = await subscribe(t, { ...admin, filter: `$SYS/hub/nodes/${base}` })
    const online = async (expected: boolean) =>
      JSON.parse(
        (await told.next((line) => line.includes(`"online":${expected}`))).replace(/^\S+ /, ''),
      )
    await online(false)
    const node = startPython(t, relay, [hub.mqttPort, base, 0])
    await node.next((line) => line === 'subscribed')
    await online(true)
    await told.next((line) => line.includes('"stale":true'))
    const states = await subscribe(t, { ...admin, filter: `${base}/relay/1` })
    const receipts = await subscribe(t, { ...admin, filter: '$SYS/hub/commands/#' })
    await publish({ ...admin, topic: `${base}/relay/1/set`, payload: '{"state":true}' })
    t.equal(await states.next(), `${base}/relay/1 {"state":true}`)
    await receipts.next((line) => line.includes('"confirmed"'))
    await online(true)
    t.notOk(node.items.some((line) => line.startsWith('gone')))
  },
)
