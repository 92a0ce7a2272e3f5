import { once } from 'node:events'
import t from 'tap'
import { gone, promisedMs, startedWith, subscribed, watched } from '../changing-users.ts'
import {
  disconnectPacket,
  isPublish,
  number,
  packet,
  publishPacket,
  type RawMqtt,
  readPublish,
  resumed,
  settled,
  subscribePacket,
} from '../raw-mqtt.ts'
import { rawFrame, rawWebSocketTo } from '../raw-websocket.ts'
import { basic } from '../started-sign-in.ts'
import { takenFrom } from '../taken.ts'
import { mqttWays, spoken, talkWays } from '../ways-in.ts'

t.test('who is removed is cut within a second on every way in, and nobody else is', async (t) => {
  const users = { panel: { role: 'operator' }, other: { role: 'operator' } }
  const anonymous = { rules: [{ allow: ['read'], topic: '#' }] }
  const { hub, login, change } = await startedWith(t, { ...users, anonymous })
  const stay: (() => Promise<void>)[] = []
  const ends: [way: string, closed: Promise<unknown>][] = []
  for (const [way, open] of Object.entries(talkWays)) {
    const { websocket } = await open(t, hub, login('panel'))
    ends.push([way, once(websocket, 'close').then(([code]) => code)])
    const other = await open(t, hub, login('other'))
    stay.push(() => spoken(other))
  }
  const nobody = await talkWays['HTTP Basic'](t, hub, {})
  ends.push(['anonymous', once(nobody.websocket, 'close').then(([code]) => code)])
  for (const [way, open] of Object.entries(mqttWays)) {
    const raw = await open(t, hub, { ...login('panel'), clientId: way })
    ends.push([way, raw.ended])
    ends.push([`anonymous ${way}`, (await open(t, hub, { clientId: way })).ended])
    const other = await open(t, hub, { ...login('other'), clientId: way })
    stay.push(() => settled(other))
  }
  const startedMs = performance.now()
  change({ other: users.other })
  for (const [way, closed] of ends) {
    const code = await closed
    t.ok(code === 4401 || code === undefined, `${way}: ${code}`)
  }
  const tookMs = performance.now() - startedMs
  t.ok(tookMs < promisedMs, `within a second: ${tookMs} ms`)
  for (const check of stay) await check()
  await t.rejects(talkWays['HTTP Basic'](t, hub, login('panel')), /401/)
  await t.rejects(mqttWays['MQTT on TCP'](t, hub, login('panel')), /20020004/)
})

for (const [way, open] of Object.entries(talkWays)) {
  t.test(
    `a role that is taken away counts at once by ${way}, and the websocket stays`,
    async (t) => {
      const { hub, login, changed } = await startedWith(t, { panel: { role: 'operator' } })
      const { seen, publish } = await watched(t, hub)
      const talk = await open(t, hub, login('panel'))
      const heard = () => talk.frames.items.filter(([topic]) => topic === 'a/b').length
      const tryBoth = async () => {
        await publish('a/b')
        talk.send('a/c', {})
        await spoken(talk)
        return [heard(), (await seen()).includes('a/c')]
      }
      t.same(await tryBoth(), [1, true])
      await changed({ panel: {} })
      t.same(await tryBoth(), [1, false])
      t.match(await talk.on('a/c/error'), ['a/c/error', { code: 'forbidden' }])
      talk.send('clown.talk/-/config/set', {})
      await spoken(talk)
      t.equal(heard(), 1, 'no last values either')
      await changed({ panel: { role: 'viewer' } })
      t.same(await tryBoth(), [2, false], 'and one that is given counts at once too')
    },
  )
}

for (const [way, open] of Object.entries(mqttWays)) {
  t.test(`a role that is taken away counts at once by ${way}, and the session stays`, async (t) => {
    const { hub, login, changed } = await startedWith(t, { panel: { role: 'operator' } })
    const { seen, publish } = await watched(t, hub)
    const raw = await open(t, hub, login('panel'))
    await subscribed(raw, 'a/#')
    const heard = () => raw.packets.filter((one) => isPublish(one)).length
    const tryBoth = async () => {
      await publish('a/b')
      raw.send(publishPacket('b/c', { qos: 1, id: 7 }))
      await raw.next((packet) => packet === '40020007')
      await settled(raw)
      return [heard(), (await seen()).includes('b/c')]
    }
    t.same(await tryBoth(), [1, true])
    await changed({ panel: {} })
    t.same(await tryBoth(), [1, false])
    raw.send(subscribePacket(['b'], 0, 2))
    await raw.next((packet) => packet === '9003000280')
    await changed({ panel: { role: 'viewer' } })
    t.same(await tryBoth(), [2, false], 'and one that is given counts at once too')
  })

  t.test(`what of # may be read is what the rules say now by ${way}`, async (t) => {
    const reading = (topic: string, denied: string) => {
      const rules = [
        { allow: ['read'], topic },
        { deny: ['read'], topic: denied },
      ]
      return { panel: { rules } }
    }
    const { hub, login, changed } = await startedWith(t, reading('a/#', 'a/secret'))
    const { publish } = await watched(t, hub)
    const topics = ['a/x', 'a/secret', 'b/x', 'b/secret', '$SYS/x']
    for (const topic of topics) await publish(topic, { retain: true })
    const raw = await open(t, hub, login('panel'))
    const retained = async (topic: string) => {
      raw.send(subscribePacket(['#'], 1))
      t.equal(await raw.next((packet) => packet.startsWith('90')), '9003000101')
      await raw.next((packet) => isPublish(packet) && readPublish(packet).topic === topic)
    }
    const taken = takenFrom(raw)
    const live = async (qos: number) => {
      for (const topic of topics) await publish(topic, { qos, id: 7 })
      return await taken()
    }
    await retained('a/x')
    t.same(await taken(), ['a/x'])
    for (const qos of [0, 1]) t.same(await live(qos), ['a/x'])
    await changed(reading('b/#', 'b/x'))
    await retained('b/secret')
    t.same(await taken(), ['b/secret'])
    for (const qos of [0, 1]) t.same(await live(qos), ['b/secret'])
    await changed({ panel: {} })
    t.same(await live(1), [])
    raw.send(subscribePacket(['#'], 1))
    await raw.next((packet) => packet === '9003000180')
  })

  t.test(`what is kept for who is away by ${way} is what they may read`, async (t) => {
    const panel = { role: 'viewer' }
    const { hub, login, changed } = await startedWith(t, { panel })
    const { publish } = await watched(t, hub)
    const fields = { ...login('panel'), clientId: 'kept', clean: false }
    const comeBack = async () => {
      const raw = await open(t, hub, fields)
      t.equal(raw.packets[0], resumed)
      return raw
    }
    const takenBy = async (raw: RawMqtt) => {
      await settled(raw)
      const published = raw.packets.filter(isPublish).map((packet) => readPublish(packet))
      for (const { id = 0 } of published) raw.send(packet(0x40, number(id)))
      return published.map(({ topic }) => topic)
    }
    const leave = async (raw: RawMqtt) => {
      raw.send(disconnectPacket)
      await gone(hub, 'panel:kept')
    }
    const first = await open(t, hub, fields)
    await subscribed(first, 'a/#', 1)
    await leave(first)
    await publish('a/before', { qos: 1 })
    await changed({ panel: {} })
    await publish('a/meanwhile', { qos: 1 })
    await changed({ panel })
    const second = await comeBack()
    t.same(await takenBy(second), ['a/before'], 'what was published without the right stays away')
    await leave(second)
    await publish('a/after', { qos: 1 })
    await changed({ panel: {} })
    t.same(await takenBy(await comeBack()), [], 'nothing without the right')
  })
}

t.test('a filter that was refused is not kept beside one that was granted', async (t) => {
  const rules = [{ allow: ['read'], topic: 'a/+' }]
  const { hub, login } = await startedWith(t, { panel: { rules } })
  const { publish } = await watched(t, hub)
  const fields = { ...login('panel'), clientId: 'kept', clean: false }
  const first = await mqttWays['MQTT on TCP'](t, hub, fields)
  first.send(subscribePacket(['a/b', 'b/#', 'a/c'], 1))
  t.equal(await first.next((packet) => packet.startsWith('90')), '90050001018001')
  first.send(disconnectPacket)
  await gone(hub, 'panel:kept')
  for (const topic of ['a/b', 'b/c', 'a/c', 'a/d']) await publish(topic, { qos: 1 })
  const again = await mqttWays['MQTT on TCP'](t, hub, fields)
  await settled(again)
  const topics = again.packets.filter(isPublish).map((packet) => readPublish(packet).topic)
  t.same(topics, ['a/b', 'a/c'])
})

t.test('who signs out everywhere is cut on every way in, and others are not', async (t) => {
  const { hub, login } = await startedWith(t, { panel: {}, other: {} })
  const talk = await talkWays['a ticket'](t, hub, login('panel'))
  const closed = once(talk.websocket, 'close')
  const raw = await mqttWays['MQTT on TCP'](t, hub, login('panel'))
  const other = await mqttWays['MQTT on TCP'](t, hub, login('other'))
  const { user, password } = login('panel')
  const init = { method: 'POST', headers: basic(user, password) }
  const answer = await fetch(`http://127.0.0.1:${hub.httpPort}/logout-everywhere`, init)
  t.equal(answer.status, 204)
  t.equal((await closed)[0], 4401)
  await raw.ended
  await settled(other)
})

t.test('a websocket that delays its goodbye says nothing more', async (t) => {
  const { hub, login, change } = await startedWith(t, { panel: { role: 'operator' } })
  const { seen } = await watched(t, hub)
  const raw = await rawWebSocketTo(t, hub, login('panel'))
  const late = rawFrame(0x81, '["late", {}]\n')
  const goodbye = once(raw.socket, 'data')
  change({})
  t.equal((await goodbye)[0][0], 0x88)
  // The hub's goodbye is there; a decent peer would answer it now.
  raw.socket.write(Buffer.concat([late, late, rawFrame(0x88, Buffer.from([0x03, 0xe8]))]))
  await raw.ended
  t.same(await seen(), [])
})

t.test('what waits for its turn when a user is removed is not published', async (t) => {
  const { hub, login, change } = await startedWith(t, { panel: { role: 'operator' } })
  const { seen } = await watched(t, hub)
  const raw = await rawWebSocketTo(t, hub, login('panel'))
  raw.socket.write(Buffer.concat(Array.from({ length: 400 }, () => rawFrame(0x81, '["x", {}]'))))
  await hub.log.next(({ kind }) => kind === 'websocket-held-back')
  change({})
  await hub.log.next(({ msg }) => msg === 'the users file has changed')
  const before = (await seen()).length
  t.ok(before >= 200 && before < 400, `some were published before: ${before}`)
  raw.socket.write(rawFrame(0x88, Buffer.from([0x03, 0xe8])))
  await raw.ended
  await hub.log.next(({ kind }) => kind === 'right-missing')
  t.same(await seen(), [])
})

t.test('who loses the right to command while a command waits has it refused', async (t) => {
  const panel = { role: 'operator' }
  const commands = { rules: [{ topic: 'nodes/#', minIntervalMilliseconds: 2000 }] }
  const { hub, login, changed } = await startedWith(t, { panel }, { commands })
  const talk = await talkWays['HTTP Basic'](t, hub, login('panel'))
  const receipt = async () => (await talk.frames.next(([, , line]) => line?.['id'] === 'off'))[1]
  talk.send('nodes/bridge/0/relay/0/set', { state: true })
  talk.send('nodes/bridge/0/relay/0/set', { state: false }, { id: 'off' })
  t.match(await receipt(), { receipt: 'accepted' })
  await changed({ panel: { role: 'viewer' } })
  t.match(await receipt(), { receipt: 'refused', code: 'forbidden', final: true })
})
