// Waits until a hub answers, then switches a relay over websocket and sees the node's answer over
// MQTT. Usage: node probe.mjs HTTP_PORT MQTT_PORT
import { setTimeout as wait } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { WebSocket } from 'ws'

const [httpPort, mqttPort] = process.argv.slice(2)
const relay = 'nodes/bridge/0/relay/i2c0-3b'

async function untilHealthy(triesLeft) {
  try {
    return await fetch(`http://127.0.0.1:${httpPort}/healthz`)
  } catch (error) {
    if (triesLeft === 0) throw error
    await wait(250)
    return untilHealthy(triesLeft - 1)
  }
}

const deadline = setTimeout(() => {
  process.stderr.write('the relay did not answer within 60 s\n')
  process.exit(1)
}, 60_000)
await untilHealthy(200)
const client = await connectAsync(`mqtt://clown:bigclown@127.0.0.1:${mqttPort}`)
const switched = new Promise((resolve) => {
  client.on('message', (_topic, payload) => {
    if (String(payload) === '{"state":true}') resolve()
  })
})
await client.subscribeAsync(relay)
const url = `ws://clown:bigclown@127.0.0.1:${httpPort}/auth/clown-talk-server_nodes_bridge_0`
const websocket = new WebSocket(url)
websocket.on('open', () => websocket.send('["relay/i2c0-3b/set", {"state": true}]\n'))
await switched
websocket.close()
await client.endAsync()
clearTimeout(deadline)
process.stdout.write('a relay switched over websocket answered over MQTT\n')
