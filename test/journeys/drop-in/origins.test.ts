import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { mqttTo, startedHub, talkOver, talkTo } from '../../started-hub.ts'
import { requirePython, startPython } from './python.ts'

/** Paho writes an Origin of https, whatever the connection is. */
const paho = `
import sys
import paho.mqtt.client as mqtt
port, origin = int(sys.argv[1]), sys.argv[2]
client = mqtt.Client(client_id='page', transport='websockets')
if origin: client.ws_set_options(path='/mqtt', headers={'Origin': origin})
client.username_pw_set('clown', sys.argv[3])
client.on_connect = lambda client, data, flags, code: (print('connected', code), client.subscribe('a/b', 1))
client.on_subscribe = lambda client, data, mid, granted: print('subscribed')
client.on_message = lambda client, data, message: print(message.topic, message.payload.decode())
client.connect('127.0.0.1', port)
client.loop_forever()
`

t.test('paho speaks MQTT over a websocket, with its own Origin and with any other', async (t) => {
  if (!(await requirePython(t, 'paho.mqtt.client'))) return
  const hub = await startedHub(t)
  const { client } = await mqttTo(t, hub)
  for (const origin of ['', 'http://dashboard.example', 'file://', 'null']) {
    const program = startPython(t, paho, [hub.httpPort, origin, 'bigclown'])
    t.equal(await program.next(), 'connected 0', origin)
    t.equal(await program.next(), 'subscribed')
    client.publish('a/b', 'hello', { qos: 1 })
    t.equal(await program.next(), 'a/b hello')
  }
  const guess = startPython(t, paho, [hub.httpPort, 'http://evil.example', 'wrong'])
  t.equal(await guess.next(), 'connected 4')
})

const websocketClient = `
import base64, json, sys, websocket
port, origin = sys.argv[1], sys.argv[2] or None
auth = 'Authorization: Basic ' + base64.b64encode(b'clown:bigclown').decode()
hub = websocket.create_connection(f'ws://127.0.0.1:{port}/talk/nodes/bridge/0', origin=origin, header=[auth])
hub.send('["led/-", {"state": "on"}]\\n')
print(hub.recv().strip())
first = websocket.create_connection(f'ws://127.0.0.1:{port}/talk?sign-in=message', origin='file://')
first.send(json.dumps(['$hub/auth', {'user': 'clown', 'password': 'bigclown'}]))
print(first.recv().strip())
`

t.test(
  'websocket-client for Python talks, with its own Origin and with one of https',
  async (t) => {
    if (!(await requirePython(t, 'websocket'))) return
    const hub = await startedHub(t)
    for (const origin of ['', `https://127.0.0.1:${hub.httpPort}`]) {
      const program = startPython(t, websocketClient, [hub.httpPort, origin])
      t.equal(await program.next(), '["led/-",{"state": "on"}]', origin)
      t.equal(await program.next(), '["$hub/auth/ok",{"user":"clown"}]')
    }
  },
)

t.test('boards that call their Origin file:// talk by a first message or a token', async (t) => {
  const token = `ch_${'a'.repeat(32)}`
  const users = {
    clown: { password: 'bigclown', role: 'admin' },
    board: { password: token, role: 'admin' },
  } as const
  const hub = await startedHub(t, { users })
  // arduinoWebSockets sends this Origin, and whatever a sketch gives to setAuthorization.
  const origin = 'file://'
  const url = `ws://127.0.0.1:${hub.httpPort}/talk`
  const headers = { Authorization: `Bearer ${token}` }
  const board = await talkOver(t, new WebSocket(`${url}/nodes/board`, { origin, headers }))
  const page = await talkTo(t, hub, '/talk')
  board.send('button/-', { pressed: 1 })
  t.same(await page.on('nodes/board/button/-'), ['nodes/board/button/-', { pressed: 1 }])
  const listed = await startedHub(t, { http: { port: 0, origins: ['file://'] } })
  const basic = { Authorization: `Basic ${Buffer.from('clown:bigclown').toString('base64')}` }
  const open = new WebSocket(`ws://127.0.0.1:${listed.httpPort}/talk`, { origin, headers: basic })
  await once(open, 'open')
  open.terminate()
})
