import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { portOf } from '../../../src/core/listen.ts'
import { publish, requireProgram, startMosquitto, subscribe } from '../../programs.ts'
import {
  connectPacket,
  isPublish,
  publishPacket,
  rawMqttTo,
  readPublish,
  settled,
  subscribePacket,
} from '../../raw-mqtt.ts'
import { type LogLine, startedHub } from '../../started-hub.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  kitchen: { password: 'bigclown', role: 'admin' },
} as const

/** A cable between two brokers, which can be pulled. */
async function startCable(t: Test, port: number) {
  const ends = new Set<Socket>()
  const server = createServer((near) => {
    const far = dial(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from)
      from.on('error', () => {})
      from.once('close', () => {
        ends.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pull = () => {
    for (const end of ends) end.destroy()
  }
  t.teardown(() => {
    server.close()
    pull()
  })
  return { port: portOf(server), pull }
}

t.test('a bridge of Mosquitto works in both directions, before and after a cut', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t, { users })
  const cable = await startCable(t, hub.mqttPort)
  const kitchen = await startMosquitto(t, {
    config: [
      'connection hub',
      `address 127.0.0.1:${cable.port}`,
      'remote_username kitchen',
      'remote_password bigclown',
      'topic # both 1',
      // Everything else is as it comes; that takes up to 30 s.
      'restart_timeout 1',
    ],
  })
  const there = { port: kitchen.port }
  const here = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  const atHome = await subscribe(t, { ...here, filter: '#' })
  const inKitchen = await subscribe(t, { ...there, filter: '#' })
  await hub.log.next(isOfBridge('MQTT client connected'))

  /** Both ends see each message once: it waits for the last of them, so that what came before has come. */
  const bothWays = async (round: string) => {
    const relay = `kitchen/relay/${round}/set`
    await publish({ ...there, topic: `kitchen/${round}`, payload: 'up' })
    await publish({ ...there, topic: relay, payload: '{"state":true}' })
    await atHome.next((line) => line.startsWith(relay))
    await publish({ ...here, topic: `home/${round}`, payload: 'down' })
    for (const end of [atHome, inKitchen]) {
      await end.next((line) => line === `home/${round} down`)
      const seen = end.items.filter((line) => line.split(' ')[0]?.includes(round))
      t.same(seen, [`kitchen/${round} up`, `${relay} {"state":true}`, `home/${round} down`])
    }
  }
  // A bridge tells nobody when it has subscribed.
  await publish({ ...here, topic: 'home/kept', payload: '0', retain: true })
  await inKitchen.next((line) => line === 'home/kept 0')
  await bothWays('before')
  await publish({ ...there, topic: 'kitchen/kept', payload: '1', retain: true })
  await atHome.next((line) => line === 'kitchen/kept 1')

  cable.pull()
  await hub.log.next(isOfBridge('MQTT client gone'))
  await publish({ ...here, topic: 'home/missed', payload: 'down' })
  await publish({ ...there, topic: 'kitchen/kept', payload: '2', retain: true })
  await atHome.next((line) => line === 'kitchen/kept 2')
  await inKitchen.next((line) => line === 'home/missed down')
  await bothWays('after')
  const own = inKitchen.items.filter((line) => line.startsWith('kitchen/kept'))
  t.same(own, ['kitchen/kept 1', 'kitchen/kept 2'], 'what it retained itself does not come back')
  t.notOk(hub.counters()['bad-topic'])
  t.ok(Number(hub.counters()['mqtt-dollar-topic']) > 0, 'what it tells of itself is counted')
})

function isOfBridge(text: string) {
  return ({ msg, client }: LogLine) => msg === text && String(client).startsWith('kitchen:')
}

for (const [title, level] of [
  ['3.1', 0x83],
  ['3.1.1', 0x84],
] as const) {
  t.test(`a bridge of MQTT ${title} gets all but what it brought`, async (t) => {
    const hub = await startedHub(t, { users })
    const entrance = { user: 'clown', password: 'bigclown', keepAliveSeconds: 60 }
    const open = async (clientId: string, clean: boolean) => {
      const raw = await rawMqttTo(t, hub.mqttPort)
      const packet = connectPacket({ ...entrance, clientId, clean, level: level & 0x7f })
      packet.writeUInt8(level, packet.indexOf(level & 0x7f, 8))
      raw.send(packet)
      t.match(await raw.next(), /^2002..00$/)
      return raw
    }
    for (const clean of [true, false]) {
      const bridge = await open(`bridge ${clean}`, clean)
      const other = await open(`other ${clean}`, clean)
      for (const raw of [bridge, other]) {
        raw.send(subscribePacket([`house/${clean}/#`], 1))
        await raw.next()
      }
      for (const qos of [0, 1, 2]) {
        bridge.send(publishPacket(`house/${clean}/own/${qos}`, { qos, id: 10 + qos, retain: true }))
      }
      bridge.send(publishPacket(`house/${clean}/relay/1/set`, { payload: '{"state":true}' }))
      await settled(bridge)
      const got = new Set<string>()
      while (got.size < 4) got.add(readPublish(await other.next(isPublish)).topic)
      t.ok(got.has(`house/${clean}/relay/1/set`))
      bridge.send(subscribePacket([`house/${clean}/own/+`], 1))
      other.send(publishPacket(`house/${clean}/last`, { qos: 1, id: 9 }))
      t.equal(readPublish(await bridge.next(isPublish)).topic, `house/${clean}/last`)
    }
  })
}
