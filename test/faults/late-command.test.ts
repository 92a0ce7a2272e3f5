import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { ask } from '../dialects/asked-json.ts'
import {
  number,
  packet,
  pingPacket,
  publishPacket,
  type RawMqtt,
  rawMqttOver,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { base, command, headers, relay } from '../shown-states.ts'
import { everybody } from '../started-hub.ts'
import { type StartedTlsHub, startedTlsHub } from '../started-tls-hub.ts'

/** A client that takes commands of the bridge at `qos`, and has reported its relay when it `speaks` for it. */
async function commanded(
  raw: RawMqtt,
  { clientId, qos, speaks }: { clientId: string; qos: number; speaks: boolean },
): Promise<RawMqtt> {
  await signedIn(raw, { clientId })
  raw.send(subscribePacket([`${base}/+/+/set`], qos))
  await raw.next((answer) => answer.startsWith('90'))
  if (speaks) raw.send(publishPacket(relay, { payload: '{"state":false}' }))
  await settled(raw)
  return raw
}

/** How a connection ended: `ECONNRESET` where the hub reset it. */
async function endOf(stream: Duplex): Promise<unknown> {
  const failed = once(stream, 'error').then(([error]) => error.code)
  return Promise.race([failed, once(stream, 'close').then(() => 'closed')])
}

const transports: Record<string, (t: Test, hub: StartedTlsHub) => Promise<[RawMqtt, Duplex]>> = {
  TCP: async (t, hub) => {
    const raw = await rawMqttTo(t, hub.mqttPort)
    return [raw, raw.stream]
  },
  TLS: async (t, { mqttsPort, certificate }) => {
    const socket = connect({ port: mqttsPort, host: '127.0.0.1', ca: certificate.ca })
    await once(socket, 'secureConnect')
    return [rawMqttOver(t, socket), socket]
  },
}

for (const [name, open] of Object.entries(transports)) {
  t.test(`F35: by ${name}, what a silent node has not taken in time never arrives`, async (t) => {
    const hub = await startedTlsHub(t, { users: everybody })
    const [node, stream] = await open(t, hub)
    await commanded(node, { clientId: 'node', qos: 0, speaks: true })
    const ended = endOf(stream)
    t.equal((await command(hub, { timeoutSeconds: 0.3 })).status, 504)
    t.equal(await ended, 'ECONNRESET')
    t.equal(hub.counters()['mqtt-reset'], 1)
  })
}

t.test('F35: whoever is locked while a command is under way never gets it', async (t) => {
  const hub = await startedTlsHub(t, { users: everybody })
  const node = await commanded(await rawMqttTo(t, hub.mqttPort), {
    clientId: 'node',
    qos: 1,
    speaks: false,
  })
  const ended = endOf(node.stream)
  // The hub ends before it does.
  const asked = command(hub, { timeoutSeconds: 60 }).catch(() => undefined)
  await node.next((answer) => answer.startsWith('3'))
  const lock = { device: relay, reason: 'somebody works on it' }
  await ask(hub.httpPort, ['POST', '/api/lock'], { body: lock, headers })
  t.equal(await ended, 'ECONNRESET')
  await hub.close()
  await asked
})

t.test('F35: nobody else is reset for a dead device', async (t) => {
  const hub = await startedTlsHub(t, { users: everybody })
  const open = () => rawMqttTo(t, hub.mqttPort)
  // It has said something since, though nothing of the device.
  const bridge = await commanded(await open(), { clientId: 'bridge', qos: 0, speaks: true })
  // It acknowledges what it is sent.
  const logger = await commanded(await open(), { clientId: 'logger', qos: 1, speaks: false })
  // It listens to everything, and never says a word.
  const listener = await commanded(await open(), { clientId: 'listener', qos: 0, speaks: false })
  const elsewhere = await rawMqttTo(t, hub.mqttPort)
  await signedIn(elsewhere, { clientId: 'elsewhere' })
  const asked = command(hub, { timeoutSeconds: 0.3 })
  await bridge.next((answer) => answer.startsWith('3'))
  bridge.send(pingPacket)
  const { id = 0 } = readPublish(await logger.next((answer) => answer.startsWith('3')))
  logger.send(packet(0x40, number(id)))
  t.equal((await asked).status, 504)
  for (const raw of [bridge, logger, listener, elsewhere]) await settled(raw)
  t.equal(hub.counters()['mqtt-reset'], undefined)
})
