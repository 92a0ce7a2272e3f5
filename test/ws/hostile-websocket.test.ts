import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { rawExchange } from '../raw-http.ts'
import { rawFrame, rawWebSocketTo } from '../raw-websocket.ts'
import { mqttTo, type StartedHub, startedHub, talkTo } from '../started-hub.ts'

t.test('F9, F11: malformed frames are closed by their code, and nobody else notices', async (t) => {
  const hub = await startedHub(t)
  const healthy = await talkTo(t, hub)
  const broken: [name: string, bytes: Buffer, code: number][] = [
    ['unmasked', rawFrame(0x81, '["a",1]', 0), 1002],
    ['RSV1', rawFrame(0xc1, '["a",1]'), 1002],
    ['RSV2', rawFrame(0xa1, '["a",1]'), 1002],
    ['RSV3', rawFrame(0x91, '["a",1]'), 1002],
    ['unknown opcode', rawFrame(0x83, 'a'), 1002],
    ['unknown control opcode', rawFrame(0x8b, 'a'), 1002],
    ['continuation of nothing', rawFrame(0x80, 'a'), 1002],
    ['text inside a text', Buffer.concat([rawFrame(0x01, 'a'), rawFrame(0x81, 'b')]), 1002],
    ['fragmented ping', rawFrame(0x09, 'a'), 1002],
    ['ping of 126 bytes', rawFrame(0x89, 'a'.repeat(126)), 1002],
    ['reserved close code', rawFrame(0x88, Buffer.from([1005 >> 8, 1005 & 255])), 1002],
    ['half a close code', rawFrame(0x88, Buffer.from([3])), 1002],
    ['invalid UTF-8', rawFrame(0x81, Buffer.from([0xff])), 1007],
    ['half a surrogate pair', rawFrame(0x81, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    ['overlong slash', rawFrame(0x81, Buffer.from([0xc0, 0xaf])), 1007],
  ]
  for (const path of ['/talk', '/mqtt']) {
    for (const [name, bytes, code] of broken) {
      const raw = await rawWebSocketTo(t, hub, { path })
      raw.socket.write(bytes)
      t.equal(await raw.closeCode(), code, `${name} on ${path}`)
    }
  }
  t.same(await healthy.settle(), [])
  t.equal(hub.counters()['websocket-ended'], 2 * broken.length)
})

t.test('F11: bytes that are no text, in a binary frame, are answered with an error', async (t) => {
  const hub = await startedHub(t)
  const { websocket, on } = await talkTo(t, hub)
  websocket.send(Buffer.from([0x5b, 0xff]))
  t.match(await on('clown.talk/-/error'), ['clown.talk/-/error', { code: 'bad-frame' }])
})

t.test('F12: 100,000 brackets cost their sender an error, whatever way they come', async (t) => {
  const hub = await startedHub(t)
  const talk = await talkTo(t, hub)
  const mqtt = await mqttTo(t, hub, { filter: 'nodes/bridge/0/deep/-' })
  talk.websocket.send(`["a",${'['.repeat(65_000)}`)
  t.match(await talk.on('clown.talk/-/error'), [/./, { message: /at most 16 levels/ }])
  t.equal(hub.counters()['json-refused'], 1)
  const deep = '['.repeat(60_000)
  mqtt.client.publish('nodes/bridge/0/deep/-', deep)
  t.same(await talk.on('deep/-'), ['deep/-', deep])
  t.equal(String((await mqtt.on('nodes/bridge/0/deep/-')).payload), deep)
})

t.test('GHSA-52qw-whmv-87c5, F13: names from prototypes are data, on every way in', async (t) => {
  const hub = await startedHub(t)
  const talk = await talkTo(t, hub)
  const mqtt = await mqttTo(t, hub, { filter: 'nodes/bridge/0/#' })
  const before = Object.getOwnPropertyNames(Object.prototype)
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const payload = `{"${name}":{"x":1},"constructor":{"prototype":{"x":1}}}`
    talk.websocket.send(`["${name}/-",${payload}]`)
    t.equal(String((await mqtt.on(`nodes/bridge/0/${name}/-`)).payload), payload)
    await talk.on(`${name}/-`)
    mqtt.client.publish(`nodes/bridge/0/${name}/1`, payload)
    await talk.on(`${name}/1`)
    t.ok(talk.texts.includes(`["${name}/1",${payload}]\n`))
    talk.websocket.send(`["relay/-/set",{"state":true,"${name}":{"x":1}}]`)
    t.match(await talk.on('relay/-/set/error'), ['relay/-/set/error', { code: 'bad-payload' }])
    const named = await mqttTo(t, hub, { clientId: name, filter: `${name}/+` })
    named.client.publish(`${name}/x`, '1')
    t.equal(String((await named.on(`${name}/x`)).payload), '1')
  }
  talk.websocket.send('["clown.talk/-/config/set",{"__proto__":{"x":1}}]')
  await talk.on('clown.talk/-/config/ok')
  t.equal(Reflect.get({}, 'x'), undefined)
  t.same(Object.getOwnPropertyNames(Object.prototype), before)
})

t.test('F14: no topic leaves its base or its line, and wildcards are refused', async (t) => {
  const hub = await startedHub(t)
  const talk = await talkTo(t, hub)
  const all = await mqttTo(t, hub, { filter: '#' })
  const injections = [
    'relay/+/set',
    '#',
    'a\0b',
    'a\nb',
    'a\r\n["b",1]',
    'a\u0085b',
    'a\ufffeb',
    'a\ud800b',
    'a\u0007b',
  ]
  for (const topic of injections) {
    talk.send(topic, 1)
    t.match(await talk.on('clown.talk/-/error'), [/./, { code: 'bad-topic' }], topic)
  }
  for (const topic of ['x/'.repeat(250), 'x'.repeat(1025)]) {
    talk.send(topic, 1)
    const [, error] = await talk.frames.next(([to]) => to.endsWith('/error'))
    t.match(error, { code: 'topic-too-big' })
  }
  // Below a base these are names like any other; they lead nowhere else.
  for (const topic of [
    ...['../up', 'a/$SYS', '$SYS/x', '$share/g/x', '/a', '//', 'a/', 'a//b', ''],
    ...['\ufeffa', 're\u200blay', 'a\u202eb', 'a\ufffdb', '👨‍👩‍👧'],
  ]) {
    talk.send(topic, 1)
    t.equal((await all.messages.next()).topic, `nodes/bridge/0/${topic}`)
  }
  const root = await talkTo(t, hub, '/talk')
  for (const topic of ['$SYS/x', '$share/g/x']) {
    root.send(topic, 1)
    t.match(await root.on('clown.talk/-/error'), [/./, { code: 'bad-topic' }], topic)
  }
  t.equal(hub.counters()['bad-topic'], injections.length + 2)
  t.match(await hub.log.next(({ kind }) => kind === 'bad-topic'), { reason: /wildcard \+/ })
})

t.test('CVE-2026-48779, GHSA-96hv-2xvq-fx4p: tiny fragments count as messages', async (t) => {
  const hub = await startedHub(t)
  const { websocket, on } = await talkTo(t, hub)
  const inFragments = (topic: string, bytes: number, fragmentBytes: number) => {
    const text = `["${topic}",1]`.padEnd(bytes)
    for (let at = 0; at < bytes; at += fragmentBytes) {
      websocket.send(text.slice(at, at + fragmentBytes), { fin: at + fragmentBytes >= bytes })
    }
  }
  inFragments('large/-', 1_000_000, 1000)
  t.same(await on('large/-'), ['large/-', 1], 'a small device sends no larger ones')
  t.notOk(hub.counters()['websocket-held-back'])
  inFragments('tiny/-', 300, 1)
  websocket.send('["behind/-",1]')
  t.same(await on('tiny/-'), ['tiny/-', 1])
  t.same(await on('behind/-'), ['behind/-', 1])
  for (const path of ['/talk', '/mqtt']) {
    for (const payload of ['\x10', '']) {
      const { socket } = await rawWebSocketTo(t, hub, { path })
      const before = hub.counters()['websocket-held-back'] ?? 0
      const fragments = Array.from({ length: 100_000 }, (_, at) => rawFrame(at ? 0 : 2, payload))
      socket.write(Buffer.concat(fragments))
      while (hub.counters()['websocket-held-back'] === before) await delay(10)
      t.notOk(socket.destroyed, `${path}: fragments of "${payload}"`)
      socket.destroy()
    }
  }
})

t.test('F22: tiny fragments and huge lengths cost no memory', async (t) => {
  const hub = await startedHub(t)
  const huge = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 1, 0, 0, 0, 0])
  const absurd = Buffer.from([
    0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
  ])
  const sockets = 30
  const before = process.memoryUsage.rss()
  for (const [name, bytes, code] of [
    ['huge length', huge, 1009],
    ['absurd length', absurd, 1009],
  ] as const) {
    const raws = await Promise.all(Array.from({ length: sockets }, () => rawWebSocketTo(t, hub)))
    for (const raw of raws) raw.socket.write(bytes)
    for (const raw of raws) t.equal(await raw.closeCode(), code, name)
  }
  t.ok(process.memoryUsage.rss() - before < 2 * sockets * 1024 * 1024)
  t.equal(hub.counters()['websocket-message-too-big'], 2 * sockets)
})

t.test('a frame may trickle in byte by byte', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const { socket } = await rawWebSocketTo(t, hub, { path: '/talk/nodes/bridge/0' })
  socket.setNoDelay(true)
  for (const byte of rawFrame(0x81, '["slow/-",1]'.padEnd(2500))) {
    await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
  }
  t.same(await page.on('slow/-'), ['slow/-', 1])
})

t.test('F23: a peer that never answers the close is disconnected a second later', async (t) => {
  // One place in all: as long as the peer holds it, nobody else gets an answer.
  const hub = await startedHub(t, { limits: { connections: { total: 1 } } })
  const closes: [name: string, path: string, bytes: Buffer][] = [
    ['a broken frame', '/talk', rawFrame(0x83)],
    ['text where MQTT is expected', '/mqtt', rawFrame(0x81, 'a')],
  ]
  for (const [name, path, bytes] of closes) {
    const raw = await rawWebSocketTo(t, hub, { path })
    raw.socket.allowHalfOpen = true
    raw.socket.write(bytes)
    await once(raw.socket, 'data')
    const startMs = performance.now()
    while (!(await isFree(hub))) await delay(20)
    const tookMs = performance.now() - startMs
    t.ok(tookMs > 800 && tookMs < 2000, `${name}: ${tookMs} ms`)
    raw.socket.destroy()
  }
})

async function isFree({ httpPort }: StartedHub): Promise<boolean> {
  const answer = await rawExchange(
    httpPort,
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  )
  return answer.startsWith('HTTP/1.1 200 ')
}

t.test('[MQTT-6.0.0-1] MQTT in text frames is closed with 1003', async (t) => {
  const hub = await startedHub(t)
  const connectPacket = Buffer.from('101000044d51545404020005000461626364', 'hex')
  const raw = await rawWebSocketTo(t, hub, { path: '/mqtt' })
  raw.socket.write(rawFrame(0x81, connectPacket))
  t.equal(await raw.closeCode(), 1003)
  const big = await rawWebSocketTo(t, hub, { path: '/mqtt' })
  big.socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 1, 0, 0, 0, 0]))
  t.equal(await big.closeCode(), 1009)
})

t.test('F23: over a websocket that carries MQTT a flood of pings gets few answers', async (t) => {
  const hub = await startedHub(t)
  const raw = await rawWebSocketTo(t, hub, { path: '/mqtt' })
  let pongs = 0
  raw.socket.on('data', (chunk) => {
    pongs += chunk.length / rawFrame(0x8a, 'p', 0).length
  })
  for (let number = 0; number < 1000; number++) raw.socket.write(rawFrame(0x89, 'p'))
  await delay(200)
  t.ok(pongs >= 10 && pongs < 20, `${pongs} pongs`)
})

t.test('a key that comes twice commands nothing: readers differ in which one counts', async (t) => {
  const hub = await startedHub(t)
  const talk = await talkTo(t, hub)
  const mqtt = await mqttTo(t, hub, { filter: 'nodes/bridge/0/#' })
  const twice = '{"state":true,"state":false}'
  const sentence = 'expected each key once, got one that comes again'
  talk.websocket.send(`["relay/-/set",${twice}]`)
  t.match(await talk.on('relay/-/set/error'), [/./, { code: 'bad-payload', message: sentence }])
  mqtt.client.publish('nodes/bridge/0/custom/-/set', `[{"a":${twice}}]`)
  const error = await mqtt.on('nodes/bridge/0/custom/-/set/error')
  t.match(String(error.payload), sentence)
  for (const fine of ['{"a":{"b:":":\\":"},"b":[{"a":null}]}', '":"', 'plain: text']) {
    mqtt.client.publish('nodes/bridge/0/custom/-/set', fine)
    t.equal(String((await mqtt.on('nodes/bridge/0/custom/-/set')).payload), fine)
  }
})

t.test('a number that parsing changes commands nothing', async (t) => {
  const hub = await startedHub(t)
  const talk = await talkTo(t, hub)
  const mqtt = await mqttTo(t, hub, { filter: 'nodes/bridge/0/#' })
  for (const number of ['1e999', '-1e999', '9007199254740993', '1e300']) {
    talk.websocket.send(`["custom/-/set",{"deep":[{"value":${number}}]}]`)
    const sentence = /expected finite numbers and integers below 2\^53/
    t.match(await talk.on('custom/-/set/error'), [/./, { code: 'bad-payload', message: sentence }])
    mqtt.client.publish('nodes/bridge/0/custom/-/set', number)
    const error = await mqtt.on('nodes/bridge/0/custom/-/set/error')
    t.match(String(error.payload), sentence)
  }
  talk.websocket.send('["custom/-/set",{"deep":[null,0.1,9007199254740991,"9e999"]}]')
  await talk.on('custom/-/set')
})

t.test('F22: messages without an end have at most their part of the budget', async (t) => {
  const hub = await startedHub(t, { limits: { memory: { inboundMiB: 1 } } })
  const pages = await Promise.all([1, 2, 3].map(() => talkTo(t, hub)))
  for (const { websocket } of pages) {
    for (let count = 0; count < 14; count++) websocket.send('x'.repeat(60_000), { fin: false })
    websocket.ping()
    await once(websocket, 'pong')
  }
  const errors = await Promise.all(
    pages.map(({ websocket, on }) => {
      websocket.send('x', { fin: true })
      return on('clown.talk/-/error')
    }),
  )
  const lost = errors
    .map(([, error]) => JSON.stringify(error))
    .filter((error) => /too-large/.test(error))
  t.equal(lost.length, hub.counters()['websocket-message-too-big'])
  t.match(lost[0], 'expected room for a message of 840001 bytes, got none')
  for (const page of pages) {
    page.send('a/b', 1)
    t.same(await page.on('a/b'), ['a/b', 1], 'nobody is disconnected')
  }
})
