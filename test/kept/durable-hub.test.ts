import t, { type Test } from 'tap'
import {
  connectPacket,
  isPublish,
  number,
  openHub,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  resumed,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { type StartedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

/** Starts a hub with one data folder, in place of the one before. */
function restarter(t: Test): () => Promise<StartedHub> {
  const data = { folder: testFolder(t) }
  let close = async () => {}
  return async () => {
    await close()
    const hub = await openHub(t, { data })
    close = hub.close
    return hub
  }
}

async function keptClient(t: Test, hub: StartedHub): Promise<RawMqtt> {
  return signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'kept', clean: false })
}

t.test('a retained value and a session are there after a restart', async (t) => {
  const restart = restarter(t)
  const before = await restart()
  const kept = await keptClient(t, before)
  kept.send(subscribePacket(['nodes/#'], 1))
  t.equal(await kept.next(), '9003000101')
  kept.stream.destroy()
  await before.log.next(({ msg }) => msg === 'MQTT client gone')
  const sender = await signedIn(await rawMqttTo(t, before.mqttPort), { clientId: 'sender' })
  sender.send(
    publishPacket('nodes/bridge/0/temperature/-', { payload: '21', qos: 1, retain: true }),
  )
  t.equal(await sender.next(), '40020001')

  const after = await restart()
  const again = await rawMqttTo(t, after.mqttPort)
  again.send(connectPacket({ clientId: 'kept', clean: false }))
  t.equal(await again.next(), resumed)
  const { id = 0, ...message } = readPublish(await again.next(isPublish))
  t.match(message, { topic: 'nodes/bridge/0/temperature/-', qos: 1, dup: true, retain: false })
  again.send(packet(0x40, number(id)))
  const talk = await talkTo(t, after, '/talk/nodes/bridge/0')
  talk.send('clown.talk/-/config/set', {})
  t.match(await talk.on('temperature/-'), ['temperature/-', 21])
  await settled(again)

  const last = await restart()
  const empty = await keptClient(t, last)
  await settled(empty)
  t.same(empty.packets.filter(isPublish), [], 'what was acknowledged does not come again')
})

t.test('QoS 2 goes on where it was, in both directions', async (t) => {
  const restart = restarter(t)
  const first = await keptClient(t, await restart())
  first.send(subscribePacket(['x'], 2))
  await first.next()
  for (const id of [1, 2]) first.send(publishPacket('x', { qos: 2, id, payload: String(id) }))
  for (const id of [1, 2]) await first.next((answer) => answer === `5002000${id}`)
  const out = [readPublish(await first.next(isPublish)), readPublish(await first.next(isPublish))]
  const [received = 0, open = 0] = out.map(({ id }) => id)
  first.send(packet(0x50, number(received)))
  await first.next((answer) => answer.startsWith('62'))

  const second = await keptClient(t, await restart())
  t.equal(await second.next(), `6202${number(received).toString('hex')}`)
  t.match(readPublish(await second.next()), { id: open, dup: true, qos: 2 })
  second.send(publishPacket('x', { qos: 2, id: 1, payload: '1' }))
  t.equal(await second.next(), '50020001')
  second.send(packet(0x62, number(1)), publishPacket('x', { qos: 2, id: 3, payload: '3' }))
  t.equal(await second.next((answer) => answer.startsWith('7')), '70020001')
  const third = readPublish(await second.next(isPublish))
  t.match(third, { qos: 2, dup: false, payload: Buffer.from('3') })
  t.notOk([received, open].includes(third.id ?? 0), 'an id that may be known is not taken again')
})

t.test('QoS 0 is retained, too, and a cleared value stays away', async (t) => {
  const restart = restarter(t)
  const before = await restart()
  const sender = await signedIn(await rawMqttTo(t, before.mqttPort))
  sender.send(
    publishPacket('a', { payload: '1', retain: true }),
    publishPacket('b', { payload: '1', retain: true }),
    publishPacket('b', { payload: '', retain: true }),
  )
  await settled(sender)
  const reader = await signedIn(await rawMqttTo(t, (await restart()).mqttPort))
  reader.send(subscribePacket(['+']))
  t.match(readPublish(await reader.next(isPublish)), { topic: 'a', retain: true })
  await settled(reader)
  t.equal(reader.packets.filter(isPublish).length, 1)
})

t.test('what is acknowledged while the hub closes is in the history as well', async (t) => {
  const restart = restarter(t)
  const before = await restart()
  const sender = await signedIn(await rawMqttTo(t, before.mqttPort))
  let sent = 0
  const send = () => {
    sent += 1
    sender.send(publishPacket('a', { qos: 1, id: sent, payload: String(sent) }))
  }
  // The next one follows each acknowledgement, for as long as there are any.
  sender.stream.on('data', send)
  send()
  await sender.next((answer) => answer === '40020064')
  const after = await restart()
  const acknowledged = sender.packets.filter((answer) => answer.startsWith('4002')).length
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  const url = `http://127.0.0.1:${after.httpPort}/api/history?topic=a&format=ndjson`
  const lines = (await (await fetch(url, { headers })).text()).split('\n').slice(0, -1)
  const values = new Set(lines.map((line) => JSON.parse(line).value))
  const lost = Array.from({ length: acknowledged }, (_, at) => at + 1).filter((n) => !values.has(n))
  t.same(lost, [])
})

t.test('a command leaves once the hub can no longer forget to turn its device off', async (t) => {
  const device = 'nodes/bridge/0/relay/0'
  const hub = await openHub(t, {
    data: { folder: testFolder(t) },
    commands: { rules: [{ topic: '#', autoOffSeconds: 1, minIntervalMilliseconds: 0 }] },
  })
  const plug = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'plug' })
  plug.send(subscribePacket([`${device}/set`, 'home/plug/relay/0/set']))
  await plug.next()
  const told = async () => readPublish(await plug.next(isPublish)).payload.toString()
  const panel = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'panel' })
  panel.send(publishPacket(`${device}/set`, { payload: '{"state":true}', qos: 1 }))
  t.same([await told(), await told()], ['{"state":true}', '{"state":false}'])
  plug.send(publishPacket('home/plug/relay/0', { payload: 'ON' }))
  t.equal(await told(), 'OFF', 'in the words of who turns on by itself')
})
