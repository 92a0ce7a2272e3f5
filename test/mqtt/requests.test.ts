import type { IPublishPacket } from 'mqtt'
import t, { type Test } from 'tap'
import { isPublish, openHub, type RawMqtt, rawMqttTo, settled } from '../raw-mqtt.ts'
import { publish5, readAck5, readPublish5, signedIn5, subscribe5 } from '../raw-mqtt5.ts'
import { everybody, mqttTo, type StartedHub } from '../started-hub.ts'

const relay = 'nodes/bridge/0/relay/-'

/** A response topic, and correlation data of the byte 7. */
function answerTo(topic: string, more = ''): string {
  const bytes = Buffer.from(topic).toString('hex')
  return `08${topic.length.toString(16).padStart(4, '0')}${bytes}09000107${more}`
}

const wantsAll = '2600087265636569707473 0003616c6c'.replace(' ', '')

/** A relay that obeys, and somebody who commands it and hears answers. */
async function startRelay(t: Test, hub: StartedHub, user: object = {}) {
  const node = await mqttTo(t, hub, { filter: `${relay}/set`, protocolVersion: 5 })
  const packets: IPublishPacket[] = []
  node.client.on('message', (_topic, _payload, packet) => packets.push(packet))
  const raw = await signedIn5(await rawMqttTo(t, hub.mqttPort), { clientId: 'panel', ...user })
  raw.send(subscribe5(['answers/anonymous/panel/#', 'reply'], 1))
  await raw.next()
  const obey = async () => {
    const message = await node.on(`${relay}/set`)
    await node.client.publishAsync(relay, String(message.payload), { qos: 1 })
    return message
  }
  return { packets, raw, obey }
}

function command(fields: { qos?: number; payload?: string; properties: string }): Buffer {
  return publish5(`${relay}/set`, { payload: '{"state":true}', qos: 1, id: 5, ...fields })
}

async function answerOf(raw: RawMqtt) {
  const { topic, payload, properties, qos, retain } = readPublish5(await raw.next(isPublish))
  return { topic, qos, retain, properties, receipt: JSON.parse(payload) }
}

t.test('a command with a response topic is answered there when it has ended', async (t) => {
  const hub = await openHub(t)
  const { packets, raw, obey } = await startRelay(t, hub)
  raw.send(command({ properties: answerTo('reply', '26000161000162') }))
  t.equal(readAck5(await raw.next((text) => text.startsWith('40'))).reason, 0)
  await obey()
  const answer = await answerOf(raw)
  t.match(answer, { topic: 'reply', qos: 1, retain: false, receipt: { receipt: 'confirmed' } })
  t.match(answer.properties, /090001 ?07/, 'with its correlation data')
  t.match(Buffer.from(answer.properties, 'hex').toString('latin1'), /final.*true/)
  const properties = packets[0]?.properties
  t.same({ ...properties?.userProperties }, { a: 'b' })
  t.equal(properties?.responseTopic, undefined, 'the node does not answer as well')
})

t.test('who wants to hear of every receipt does', async (t) => {
  const hub = await openHub(t)
  const { raw, obey } = await startRelay(t, hub)
  raw.send(command({ qos: 0, properties: answerTo('answers/anonymous/panel/1', wantsAll) }))
  await obey()
  const receipts = []
  for (let count = 0; count < 3; count++) receipts.push((await answerOf(raw)).receipt.receipt)
  t.same(receipts, ['accepted', 'sent', 'confirmed'])
})

t.test('a command that is refused is refused in its acknowledgement, or answered', async (t) => {
  const hub = await openHub(t)
  const { raw } = await startRelay(t, hub)
  const wrong = { payload: '{"state":7}', properties: answerTo('reply') }
  raw.send(command(wrong))
  const { reason, properties } = readAck5(await raw.next((text) => text.startsWith('40')))
  t.equal(reason, 0x83)
  t.match(Buffer.from(properties, 'hex').toString('latin1'), /expected.*bad-payload/)
  raw.send(command({ ...wrong, qos: 2 }))
  t.equal(readAck5(await raw.next((text) => text.startsWith('50'))).reason, 0x83)
  t.same(raw.packets.filter(isPublish), [], 'above QoS 0 nothing else is said')
  raw.send(command({ ...wrong, qos: 0 }))
  t.match((await answerOf(raw)).receipt, { receipt: 'refused', code: 'bad-payload' })
})

t.test('a command without correlation data is answered without', async (t) => {
  const hub = await openHub(t)
  const { raw, obey } = await startRelay(t, hub)
  raw.send(command({ properties: '0800057265706c79' }))
  await obey()
  const { topic, properties } = await answerOf(raw)
  t.equal(topic, 'reply')
  t.match(properties, /^030010/, 'the content type comes first')
  t.notMatch(properties, /0900/)
})

t.test('nobody is answered where they may not write', async (t) => {
  const rules = [
    { allow: ['read', 'command'], topic: `${relay}/#` },
    { allow: ['write'], topic: 'own/#' },
  ] as const
  const hub = await openHub(t, { users: { ...everybody, weak: { password: 'x', rules } } })
  const login = { clientId: 'panel', user: 'weak', password: 'x' }
  const { raw } = await startRelay(t, hub, login)
  const reasonOf = async (topic: string) => {
    raw.send(command({ properties: answerTo(topic) }))
    return readAck5(await raw.next((text) => text.startsWith('40'))).reason
  }
  t.equal(await reasonOf('reply'), 0x87)
  t.equal(await reasonOf('$SYS/reply'), 0x90)
  t.equal(await reasonOf('own/reply'), 0)
  t.equal(await reasonOf('answers/weak/panel'), 0, 'but where it may be answered')
  t.equal(await reasonOf('answers/weak/other'), 0x87)
})

t.test('any other message with a response topic goes on as it came', async (t) => {
  const hub = await openHub(t)
  const { raw } = await startRelay(t, hub)
  raw.send(subscribe5(['plain/#']))
  await raw.next()
  const properties = answerTo('anywhere')
  for (const topic of ['plain/x', 'plain/-/config/set']) {
    raw.send(
      publish5(topic, { properties: topic.endsWith('set') ? answerTo('reply') : properties }),
    )
    const message = readPublish5(await raw.next(isPublish))
    t.match(message, { topic, properties: /^08/ })
  }
  await settled(raw)
})
