import t, { type Test } from 'tap'
import {
  connectPacket,
  isPublish,
  openHub,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  ways,
} from '../../raw-mqtt.ts'
import { startControl } from '../control.ts'
import { startProxy } from '../proxy.ts'

// Each test has a hub of its own, and waits for seconds until that has had enough.
t.jobs = 5

for (const [way, open] of Object.entries(ways)) {
  t.test(`F5: a client over ${way} that went dead is cut, and its place is free`, async (t) => {
    // Three healthy clients, one that sees the will, and the one that goes dead.
    const hub = await openHub(t, { limits: { connections: { total: 5 } } })
    const control = await startControl(t, hub)
    const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
    seen.send(subscribePacket(['will'], 1))
    await seen.next()
    const proxy = await startProxy(t, way === 'TCP' ? hub.mqttPort : hub.httpPort)
    const will = { topic: 'will', payload: '"gone"' }
    const proxied = { ...hub, mqttPort: proxy.port, httpPort: proxy.port }
    await signedIn(await open(t, proxied), { clientId: 'dead', keepAliveSeconds: 2, will })
    const refused = await rawMqttTo(t, hub.mqttPort)
    await refused.ended
    const before = performance.now()
    proxy.stopForwarding()
    t.equal(readPublish(await seen.next(isPublish)).payload.toString(), '"gone"')
    const tookMs = performance.now() - before
    t.ok(tookMs > 2800 && tookMs < 3800, `cut after one and a half keep-alives: ${tookMs} ms`)
    // The hub gives what it sent last a second to be read.
    await proxy.hubEnded
    await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'dead' })
    await settled(seen)
    t.equal(seen.packets.filter(isPublish).length, 1, 'the will was published once')
    await control.stop()
  })
}

for (const [way, open] of Object.entries(ways)) {
  t.test(`F21: a CONNECT of a byte a second over ${way} is cut after 5 s`, async (t) => {
    const hub = await openHub(t)
    const control = await startControl(t, hub)
    const raw = await open(t, hub)
    const before = performance.now()
    drip(t, raw, connectPacket())
    await raw.ended
    const tookMs = performance.now() - before
    t.ok(tookMs > 4500 && tookMs < 7000, `cut after ${tookMs} ms`)
    t.same(raw.packets, [])
    await control.stop()
  })
}

t.test('F21: a packet that never ends does not count as a sign of life', async (t) => {
  const hub = await openHub(t)
  const connected = await signedIn(await rawMqttTo(t, hub.mqttPort), { keepAliveSeconds: 2 })
  const before = performance.now()
  drip(t, connected, publishPacket('a', { payload: 'x'.repeat(100) }))
  await connected.ended
  const tookMs = performance.now() - before
  t.ok(tookMs < 4500, `cut after ${tookMs} ms`)
  t.equal(hub.counters()['mqtt-keep-alive'], 1)
})

/** Sends `bytes` one by one, until they or the connection end. */
function drip(t: Test, raw: RawMqtt, bytes: Buffer): void {
  let at = 0
  const timer = setInterval(() => {
    if (at < bytes.length && raw.stream.writable) raw.send(bytes.subarray(at, ++at))
  }, 1000)
  t.teardown(() => clearInterval(timer))
}
