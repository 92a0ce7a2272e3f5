// probe.mjs HTTP_PORT MQTT_PORT waits until a hub answers, then switches a relay over websocket and
// sees the node's answer over MQTT. probe.mjs --gone HTTP_PORT sees that nobody listens any more.
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { WebSocket } from 'ws'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

async function untilHealthy(httpPort, triesLeft = 200) {
  try {
    return await fetch(`http://127.0.0.1:${httpPort}/healthz`)
  } catch (error) {
    if (triesLeft === 0) throw error
    await wait(250)
    return untilHealthy(httpPort, triesLeft - 1)
  }
}

async function switchRelay(httpPort, mqttPort) {
  await untilHealthy(httpPort)
  const client = await connectAsync(`mqtt://clown:bigclown@127.0.0.1:${mqttPort}`)
  const switched = new Promise((resolve) => {
    client.on('message', (_topic, payload) => {
      if (String(payload) === '{"state":true}') resolve()
    })
  })
  await client.subscribeAsync(relay)
  const url = `ws://clown:bigclown@127.0.0.1:${httpPort}/auth/clown-talk-server_nodes_bridge_0`
  const websocket = new WebSocket(url)
  await once(websocket, 'open')
  websocket.send('["relay/i2c0-3b/set", {"state": true}]\n')
  await switched
  websocket.close()
  await client.endAsync()
  process.stdout.write('a relay switched over websocket answered over MQTT\n')
}

async function expectGone(httpPort) {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/healthz`).catch(() => undefined)
  if (answer !== undefined) throw new Error(`port ${httpPort} still answers`)
}

const deadline = setTimeout(() => {
  process.stderr.write('no answer within 60 s\n')
  process.exit(1)
}, 60_000)
const [first, second] = process.argv.slice(2)
await (first === '--gone' ? expectGone(second) : switchRelay(first, second))
clearTimeout(deadline)
