// What MQTT 5 adds to what is kept is there after a kill, too.
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { hex, isPublish, packet, type RawMqtt, rawMqttTo, settled } from '../raw-mqtt.ts'
import {
  type Connect5Fields,
  disconnectOf,
  publish5,
  readPublish5,
  signedIn5,
  subscribe5,
} from '../raw-mqtt5.ts'
import { testFolder } from '../test-folder.ts'
import { crashingHub } from './crashing-hub.ts'

const login = { user: 'clown', password: 'bigclown' }
/** Sessions of an hour. */
const kept = { properties: '1100000e10' }

async function clientOf(t: Test, port: number, fields: Connect5Fields) {
  return signedIn5(await rawMqttTo(t, port), { ...login, ...fields })
}

async function received(raw: RawMqtt) {
  const message = readPublish5(await raw.next(isPublish))
  if (message.qos === 1) raw.send(packet(0x40, Buffer.from([message.id >> 8, message.id & 255])))
  return message
}

t.test('F1: wills, expiring messages and sessions, and shared groups outlive a kill', async (t) => {
  const hub = crashingHub(t, testFolder(t))
  const { mqttPort: before } = await hub.start()
  const watcher = await clientOf(t, before, { clientId: 'watcher', ...kept })
  watcher.send(subscribe5(['will/#', 'queued'], 1))
  await watcher.next()
  const worker = await clientOf(t, before, { clientId: 'worker', ...kept })
  worker.send(subscribe5(['$share/g/work'], 1, '0b07'))
  await worker.next()
  const short = await clientOf(t, before, { clientId: 'short', properties: '1100000001' })
  short.send(subscribe5(['x'], 1))
  await short.next()
  for (const raw of [watcher, worker, short]) {
    raw.send(hex('e000'))
    await raw.ended
  }
  const leave = (name: string) => {
    const will = { topic: `will/${name}`, payload: name, qos: 1 }
    return clientOf(t, before, { clientId: name, keepAliveSeconds: 1, will })
  }
  await leave('mortal')
  await leave('back')
  const sender = await clientOf(t, before, { clientId: 'sender' })
  const acknowledged = (text: string) => text.startsWith('40')
  for (const [id, [topic, properties]] of [
    ['queued', '0200000e10 26 0001 61 0001 62'],
    ['queued', '0200000001'],
    ['work', ''],
    ['work', ''],
  ].entries()) {
    sender.send(
      publish5(topic ?? '', { qos: 1, id: id + 1, payload: `${id}`, properties: properties ?? '' }),
    )
    await sender.next(acknowledged)
  }
  sender.send(publish5('value', { qos: 1, id: 9, retain: true, properties: '0200000e10' }))
  await sender.next(acknowledged)
  t.equal(await hub.end('SIGKILL'), null)

  const { mqttPort: after } = await hub.start()
  await clientOf(t, after, { clientId: 'back' })
  // Times are noted in whole seconds.
  await pause(2100)
  const again = await clientOf(t, after, { clientId: 'watcher', clean: false, ...kept })
  t.ok(again.connack.isPresent)
  const queued = await received(again)
  t.match(queued, { topic: 'queued', payload: '0' })
  t.match(queued.properties, /^0200000e0[0-9a-f]26000161000162$/, 'with what is left of its time')
  t.match(
    await received(again),
    { topic: 'will/mortal', payload: 'mortal' },
    'what has expired is gone',
  )
  const back = await clientOf(t, after, { clientId: 'worker', clean: false, ...kept })
  for (const payload of ['2', '3']) {
    t.match(await received(back), { topic: 'work', payload, properties: '0b07' })
  }
  const other = await clientOf(t, after, { clientId: 'other' })
  other.send(subscribe5(['$share/g/work'], 1), publish5('work', { qos: 1, payload: 'new' }))
  back.send(publish5('work', { qos: 1, payload: 'new' }))
  await Promise.all([settled(other), settled(back)])
  const count = [other, back].map((raw) => raw.packets.filter((text) => text.includes('6e6577')))
  t.same(
    count.map(({ length }) => length),
    [1, 1],
    'they share what is new',
  )
  const value = await clientOf(t, after, { clientId: 'value' })
  value.send(subscribe5(['value']))
  t.match((await received(value)).properties, /^0200000e0/)
  const gone = await clientOf(t, after, { clientId: 'short', clean: false })
  t.notOk(
    gone.connack.isPresent,
    'a session ends when its time is over, by the time that hubs have run',
  )
  t.notOk(again.packets.some((text) => text.includes(Buffer.from('will/back').toString('hex'))))
  void hub.end('SIGTERM')
  t.equal((await disconnectOf(again)).reason, 0x8b)
})
