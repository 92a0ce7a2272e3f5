import t, { type Test } from 'tap'
import {
  hex,
  isPublish,
  openHub,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  unsubscribePacket,
} from '../raw-mqtt.ts'
import { signedIn5, subscribe5 } from '../raw-mqtt5.ts'
import { everybody, type StartedHub } from '../started-hub.ts'

async function memberOf(t: Test, hub: StartedHub, clientId: string): Promise<RawMqtt> {
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId })
  raw.send(subscribePacket(['$share/g/work/#'], 1))
  await raw.next()
  return raw
}

async function senderOf(t: Test, hub: StartedHub): Promise<RawMqtt> {
  return signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'sender' })
}

/** Messages whose payloads are the numbers of a range, at QoS 1 unless told otherwise. */
function publish(raw: RawMqtt, [from, to]: [number, number], fields: Fields = {}): void {
  const { qos = 1, topic = 'work/a' } = fields
  for (let at = from; at <= to; at++) {
    raw.send(publishPacket(topic, { qos, id: at, payload: String(at) }))
  }
}

interface Fields {
  qos?: number
  topic?: string
}

/** What came, without acknowledging it. */
function payloadsOf(raw: RawMqtt): string[] {
  return raw.packets.filter(isPublish).map((text) => String(readPublish(text).payload))
}

async function received(raw: RawMqtt, count: number): Promise<string[]> {
  const payloads: string[] = []
  while (payloads.length < count) {
    const { payload, id = 0 } = readPublish(await raw.next(isPublish))
    payloads.push(String(payload))
    raw.send(packet(0x40, Buffer.from([id >> 8, id & 255])))
  }
  return payloads
}

t.test('each message of a group goes to one member, in turn, at every level', async (t) => {
  const hub = await openHub(t)
  const four = await memberOf(t, hub, 'four')
  const five = await signedIn5(await rawMqttTo(t, hub.mqttPort), { clientId: 'five' })
  five.send(subscribe5(['$share/g/work/#'], 1))
  await five.next()
  const plain = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'plain' })
  plain.send(subscribePacket(['work/#'], 1))
  const sender = await senderOf(t, hub)
  for (const qos of [0, 1]) {
    publish(sender, [1, 10], { qos: qos })
    await settled(sender)
  }
  await Promise.all([four, five, plain].map(settled))
  t.equal(payloadsOf(four).length, 10)
  t.equal(five.packets.filter(isPublish).length, 10)
  t.equal(payloadsOf(plain).length, 20, 'who subscribes alone has all of them')
})

t.test('a member that is gone, or unsubscribes, gets nothing more', async (t) => {
  const hub = await openHub(t)
  const [one, other] = [await memberOf(t, hub, 'one'), await memberOf(t, hub, 'other')]
  const sender = await senderOf(t, hub)
  one.send(unsubscribePacket(['$share/g/work/#']))
  await one.next((text) => text.startsWith('b'))
  publish(sender, [1, 4])
  t.same(await received(other, 4), ['1', '2', '3', '4'])
  other.send(unsubscribePacket(['$share/g/work/#']))
  await settled(other)
  publish(sender, [5, 5])
  await settled(sender)
  await Promise.all([one, other].map(settled))
  t.same([payloadsOf(one), payloadsOf(other).length], [[], 4])
})

t.test('what a member has not acknowledged goes to another when it leaves', async (t) => {
  const hub = await openHub(t)
  const [one, other] = [await memberOf(t, hub, 'one'), await memberOf(t, hub, 'other')]
  const sender = await senderOf(t, hub)
  publish(sender, [1, 10])
  await settled(one)
  t.equal(payloadsOf(one).length, 5)
  const left = payloadsOf(one)
  one.stream.destroy()
  const all = await received(other, 10)
  t.same([...all].sort(), Array.from({ length: 10 }, (_, at) => String(at + 1)).sort())
  t.same(all.slice(5), left, 'in their order')
})

t.test('what nobody else can take is gone with a member that is not kept', async (t) => {
  const hub = await openHub(t)
  const one = await memberOf(t, hub, 'one')
  const sender = await senderOf(t, hub)
  publish(sender, [1, 2])
  await settled(one)
  t.same(payloadsOf(one), ['1', '2'])
  const light = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'light' })
  light.send(subscribePacket(['$share/g/work/#'], 0))
  await light.next()
  one.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  const other = await memberOf(t, hub, 'other')
  await Promise.all([light, other].map(settled))
  t.same([payloadsOf(light), payloadsOf(other)], [[], []], 'at QoS 0 nothing is promised')
})

t.test('what nobody else can take waits for a kept member that left', async (t) => {
  const hub = await openHub(t)
  const kept = await rawMqttTo(t, hub.mqttPort)
  await signedIn(kept, { clientId: 'kept', clean: false })
  kept.send(subscribePacket(['$share/g/work/#'], 1))
  await kept.next()
  const sender = await senderOf(t, hub)
  publish(sender, [1, 2])
  await settled(kept)
  t.same(payloadsOf(kept), ['1', '2'])
  kept.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  const back = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'kept', clean: false })
  t.same(await received(back, 2), ['1', '2'])
})

t.test('a member that is slow holds up nobody', async (t) => {
  const hub = await openHub(t)
  const slow = await signedIn5(await rawMqttTo(t, hub.mqttPort), {
    clientId: 'slow',
    properties: '210002',
  })
  slow.send(subscribe5(['$share/g/work/#'], 1))
  await slow.next()
  const fast = await memberOf(t, hub, 'fast')
  const sender = await senderOf(t, hub)
  publish(sender, [1, 50])
  await received(fast, 48)
  t.equal(slow.packets.filter(isPublish).length, 2, 'it has as many as it takes')
  publish(sender, [51, 52])
  t.same(await received(fast, 2), ['51', '52'])
})

t.test('what nobody can take now waits for a kept member, but a command does not', async (t) => {
  const hub = await openHub(t)
  const kept = await rawMqttTo(t, hub.mqttPort)
  await signedIn(kept, { clientId: 'kept', clean: false })
  kept.send(subscribePacket(['$share/g/#'], 1))
  await kept.next()
  kept.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  const sender = await senderOf(t, hub)
  publish(sender, [1, 1], { qos: 1, topic: 'lamp/set' })
  publish(sender, [2, 2], { qos: 1, topic: 'work/a' })
  publish(sender, [3, 3], { qos: 0, topic: 'work/a' })
  await settled(sender)
  const back = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'kept', clean: false })
  t.same(await received(back, 1), ['2'])
  await settled(back)
  t.same(payloadsOf(back), ['2'])
})

t.test('at QoS 2 a message under way is finished with its member [MQTT-4.8.2-4]', async (t) => {
  const hub = await openHub(t)
  const kept = await rawMqttTo(t, hub.mqttPort)
  await signedIn(kept, { clientId: 'kept', clean: false })
  kept.send(subscribePacket(['$share/g/work/#'], 2))
  await kept.next()
  const sender = await senderOf(t, hub)
  publish(sender, [1, 1], { qos: 2 })
  const { id = 0 } = readPublish(await kept.next(isPublish))
  const other = await memberOf(t, hub, 'other')
  kept.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  const back = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'kept', clean: false })
  t.match(readPublish(await back.next(isPublish)), { id, dup: true })
  back.send(packet(0x50, hex(`000${id}`)))
  await back.next((text) => text.startsWith('62'))
  await settled(other)
  t.same(payloadsOf(other), [])
})

t.test('a group is one of its user, unless the configuration lets users share it', async (t) => {
  const rules = [{ allow: ['read', 'write'], topic: '#' }] as const
  const login = { password: 'x', rules }
  const users = { ...everybody, one: login, other: login, third: login }
  const shared = [{ group: 'open', users: ['one', 'other'] as [string, string] }]
  const hub = await openHub(t, { users, mqtt: { shared } })
  const memberFrom = async (user: string) => {
    const raw = await rawMqttTo(t, hub.mqttPort)
    await signedIn(raw, { clientId: user, user, password: 'x' })
    raw.send(subscribePacket(['$share/own/a', '$share/open/b'], 0))
    await raw.next()
    return raw
  }
  const members = await Promise.all(['one', 'other', 'third'].map(memberFrom))
  const sender = await senderOf(t, hub)
  publish(sender, [1, 2], { qos: 0, topic: 'a' })
  publish(sender, [3, 6], { qos: 0, topic: 'b' })
  await settled(sender)
  await Promise.all(members.map(settled))
  const [one = [], other = [], third = []] = members.map(payloadsOf)
  t.same([one.slice(0, 2), other.slice(0, 2), third.slice(0, 2)], Array(3).fill(['1', '2']))
  t.equal(one.length + other.length, 4 + 4, 'two users share what comes')
  t.same(third.slice(2), ['3', '4', '5', '6'], 'and the third has a group of its own')
})

t.test('who may not read a topic gets nothing of it by a group', async (t) => {
  const rules = [{ allow: ['read'], topic: 'work/mine/#' }] as const
  const users = { ...everybody, weak: { password: 'x', rules } }
  const hub = await openHub(t, { users })
  const raw = await rawMqttTo(t, hub.mqttPort)
  await signedIn(raw, { clientId: 'weak', user: 'weak', password: 'x' })
  raw.send(subscribePacket(['$share/g/work/+/a', '$share/g/other']))
  t.equal(await raw.next(), '900400010080')
  const sender = await senderOf(t, hub)
  publish(sender, [1, 1], { qos: 0, topic: 'work/theirs/a' })
  publish(sender, [2, 2], { qos: 0, topic: 'work/mine/a' })
  await settled(sender)
  await settled(raw)
  t.same(payloadsOf(raw), ['2'])
})

t.test('what is retained does not come by a group', async (t) => {
  const hub = await openHub(t)
  const sender = await senderOf(t, hub)
  sender.send(publishPacket('work/kept', { retain: true }))
  await settled(sender)
  const raw = await memberOf(t, hub, 'one')
  await settled(raw)
  t.same(payloadsOf(raw), [])
})
