import t from 'tap'
import { publishPacket, rawMqttTo, settled, signedIn } from '../raw-mqtt.ts'
import { mqttTo, startedHub } from '../started-hub.ts'

const invented = 10_200

t.test('F54: relays that a hostile node invents make the hub forget no auto-off', async (t) => {
  const hub = await startedHub(t, {
    users: {
      clown: { password: 'bigclown', role: 'admin' },
      good: { password: 'two', role: 'node', base: 'nodes/good' },
      bad: { password: 'three', role: 'node', base: 'nodes/bad' },
    },
    commands: { rules: [{ topic: 'nodes/#', autoOffSeconds: 4 }] },
    limits: { mqtt: { publishesPerSecond: 100_000, publishBurst: 100_000 } },
  })
  const heater = await mqttTo(t, hub, {
    ...{ username: 'good', password: 'two', filter: 'nodes/good/+/+/set' },
  })
  await heater.client.publishAsync('nodes/good/relay/heater', '{"state":true}', { qos: 1 })
  const bad = await signedIn(await rawMqttTo(t, hub.mqttPort), {
    ...{ clientId: 'bad', user: 'bad', password: 'three' },
  })
  for (let from = 0; from < invented; from += 100) {
    const packets = Array.from({ length: 100 }, (_, at) =>
      publishPacket(`nodes/bad/${(from + at) % 7}/relay/${from + at}`, {
        payload: '{"state":true}',
      }),
    )
    bad.send(Buffer.concat(packets))
    await settled(bad)
  }
  const off = await heater.on('nodes/good/relay/heater/set')
  t.same(JSON.parse(String(off.payload)), { state: false })
  t.equal(hub.counters()['auto-off-refused'], invented - 5000, 'past its share, none is taken')
  const page = await mqttTo(t, hub, { filter: 'nodes/good/relay/lamp/set' })
  await page.client.publishAsync('nodes/good/relay/lamp/set', '{"state":true}', { qos: 1 })
  await page.on('nodes/good/relay/lamp/set')
})
