import { chmod, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setImmediate as turnOver } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { portOf } from '../../src/core/listen.ts'
import { testCertificate } from '../certificates.ts'
import { steppedClock } from '../clock.ts'
import { createInbox } from '../inbox.ts'
import { freePort, requireProgram, startMosquitto, subscribe } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { hearing, messageOn } from './contract.ts'
import { openedForeignBus } from './opened-foreign-bus.ts'

/** A broker that answers to CONNECT, and, if it is kind, grants all, sends the fence back, and says that it is there. */
async function scriptedBroker(t: Test, connack: (at: number) => string | 'end', isKind = true) {
  const sockets = new Set<Socket>()
  const heard = createInbox<number>()
  const texts = createInbox<string>()
  let connections = 0
  let echoes = 1
  const kindly = (kind: number, bytes: Buffer) => {
    if (!isKind) return ''
    if (kind === 8) return subackFor(bytes)
    if (kind === 3 && echoes-- > 0) return bytes.toString('hex')
    // What it has acknowledged, or sent, may come in one piece with that.
    return /^c000|c000$/.test(bytes.toString('hex')) ? 'd000' : ''
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const kind = Number(bytes[0]) >> 4
      heard.put(kind)
      texts.put(bytes.toString('latin1'))
      const answer = kind === 1 ? connack(connections++) : kindly(kind, bytes)
      if (answer === 'end') socket.end()
      else socket.write(Buffer.from(answer, 'hex'))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `mqtt://127.0.0.1:${portOf(server)}`, heard, texts }
}

/** [MQTT-3.8.4-2] With the id of the packet, and QoS 1 for each filter: beside the fence, or alone. */
function subackFor(subscribe: Buffer): string {
  const id = subscribe.toString('hex', 2, 4)
  return subscribe.includes('fence') ? `9005${id}000101` : `9004${id}0001`
}

const welcome = { 5: '2003000000', 4: '20020000' } as const
function isAway(reason: RegExp) {
  return (state: unknown) => reason.test(JSON.stringify(state))
}

t.test('a broker that stands still is given up, and gets no command', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const broker = await startMosquitto(t)
  const { bus, states } = await openedForeignBus(t, { url: broker.url })
  await states.next(isAway(/"connected"/))
  const node = await subscribe(t, { port: broker.port, filter: 'node/#' })
  const all = hearing(t, bus, 'node/#')
  bus.publish(messageOn('node/relay/0/set', 'there'))
  bus.publish(messageOn('node/relay/0/set', 'there too'))
  t.equal(await node.next(), 'node/relay/0/set there')
  t.equal(await node.next(), 'node/relay/0/set there too')
  await all.next()
  await all.next()
  broker.signal('SIGSTOP')
  t.teardown(() => broker.signal('SIGCONT'))
  const beganMs = performance.now()
  const told = createInbox<unknown>()
  const receivers = { withinMs: 100, untaken: told.put, owes: () => {}, has: () => {} }
  for (const text of ['late', 'later']) {
    bus.publish(messageOn('node/relay/0/set', text, { receivers }))
  }
  bus.publish(messageOn('node/relay/1/set', 'recalled', { receivers }))
  bus.recall('node/relay/1/set')
  await states.next(isAway(/said nothing for 1\d{3} ms/))
  t.ok(performance.now() - beganMs < 2000)
  t.match(await told.next(), { code: 'bus-away' })
  t.match(await told.next(), { code: 'bus-away' })
  t.match(bus.refusalOf('node/relay/0/set'), { code: 'bus-away' })
  broker.signal('SIGCONT')
  await states.next(isAway(/"connected"/))
  bus.publish(messageOn('node/relay/0/set', 'again'))
  t.equal(await node.next(), 'node/relay/0/set again')
  t.equal(told.items.length, 2)
})

t.test(
  'a command that a broker has not acknowledged is recalled with the connection',
  async (t) => {
    const broker = await scriptedBroker(t, () => welcome[5])
    const { bus } = await openedForeignBus(t, { url: broker.url })
    t.match(bus.state, { state: 'connected', protocol: 'MQTT 5' })
    const heard = hearing(t, bus, '$SYS/hub/bus')
    bus.publish(messageOn('node/relay/0/set', '1', { qos: 1 }))
    // Once the broker has said that it is there.
    await broker.texts.next((text) => text.includes('node/relay/0/set'))
    // It is asked again and again whether it is still there.
    await broker.texts.next((text) => text.startsWith('\u00c0'))
    bus.recall('node/relay/0/set')
    t.match(await heard.text(), /was not acknowledged in time/)
    bus.recall('node/relay/0/set')
  },
)

t.test('without a port a broker is looked for on those of MQTT', async (t) => {
  for (const [url, port] of [
    ['mqtt://127.0.0.9', 1883],
    ['mqtts://localhost', 8883],
  ]) {
    const { bus } = await openedForeignBus(t, { url: String(url) })
    t.match(bus.state, { state: 'away', reason: new RegExp(`:${port}`) })
  }
})

t.test('a link by TLS trusts whom its files say, and shows its own certificate', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { certFile, keyFile } = await testCertificate(t)
  const port = await freePort()
  const config = [
    `listener ${port} 127.0.0.1`,
    ...[`certfile ${certFile}`, `keyfile ${keyFile}`, `cafile ${certFile}`],
  ]
  await startMosquitto(t, { config })
  const url = `mqtts://127.0.0.1:${port}`
  const files = { caFile: certFile, certFile, keyFile }
  const { bus } = await openedForeignBus(t, { url, tls: files })
  t.match(bus.state, { state: 'connected' })
  const all = hearing(t, bus, '#')
  bus.publish(messageOn('by/tls', '1'))
  t.equal(await all.text(), '1')
  const away = await openedForeignBus(t, { url: `mqtts://127.0.0.1:${await freePort()}` })
  t.match(away.bus.state, { state: 'away', reason: /ECONNREFUSED/ })
  const stranger = await openedForeignBus(t, { url })
  t.match(stranger.bus.state, { state: 'away', reason: /self-signed certificate/ })
  const gone = await openedForeignBus(t, { url, tls: { caFile: join(certFile, 'none') } })
  t.match(gone.bus.state, { state: 'away', reason: /bus\.tls\.caFile/ })
})

t.test('a password that cannot be read any more is told as the reason', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const file = join(testFolder(t), 'password')
  await writeFile(file, 'x\n', { mode: 0o600 })
  const broker = await startMosquitto(t)
  const { bus, states } = await openedForeignBus(t, {
    ...{ url: broker.url, user: 'hub', passwordFile: file },
  })
  t.equal(bus.state.state, 'connected')
  await chmod(file, 0o644)
  await broker.stop()
  await states.next(isAway(/expected .* to be for its owner only/))
})

t.test('a broker that does not know MQTT 5 is spoken to by 3.1.1 at once', async (t) => {
  const answers = ['2003008400', welcome[4]]
  const { url, heard } = await scriptedBroker(t, (at) => answers[at] ?? 'end', false)
  const clock = steppedClock()
  const { bus, states } = await openedForeignBus(t, { url }, { clock })
  await heard.next((kind) => kind === 8)
  t.match(bus.state, { state: 'connecting' })
  t.match(bus.refusalOf('a'), { code: 'bus-away', message: /it is being connected to$/ })
  t.same(states.items, [])
  // It does not hear that it is left.
  const closed = bus.close()
  await turnOver()
  clock.step(1000)
  await closed
})

t.test('one that ends each connection is tried by both, with a pause', async (t) => {
  const { url, heard } = await scriptedBroker(t, () => 'end')
  const clock = steppedClock()
  const { states } = await openedForeignBus(t, { url }, { clock })
  await states.next(isAway(/has closed the connection/))
  t.equal(heard.items.length, 2)
  clock.step(700)
  await states.next(isAway(/has closed the connection/))
  t.equal(heard.items.length, 4)
})

t.test('a broker that grants nothing, or tells nothing, is left for a reason', async (t) => {
  const clock = steppedClock()
  const silent = await scriptedBroker(t, () => welcome[4], false)
  const one = await openedForeignBus(t, { url: silent.url }, { clock })
  await silent.heard.next((kind) => kind === 8)
  clock.step(5000)
  await silent.heard.next((kind) => kind === 12)
  clock.step(5000)
  clock.step(5000)
  await one.states.next(isAway(/said nothing for 1\d{4} ms/))
})

t.test('a broker that says nothing at all is left, and tried again', async (t) => {
  const clock = steppedClock()
  const silent = await scriptedBroker(t, () => '')
  const { states } = await openedForeignBus(t, { url: silent.url }, { clock })
  await silent.heard.next((kind) => kind === 1)
  clock.step(5000)
  await states.next(isAway(/"away".+let us in within 5000 ms/))
})

t.test('the end does not wait for a broker that stands still', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const broker = await startMosquitto(t)
  const { bus } = await openedForeignBus(t, { url: broker.url })
  broker.signal('SIGSTOP')
  t.teardown(() => broker.signal('SIGCONT'))
  const beganMs = performance.now()
  await bus.close()
  t.ok(performance.now() - beganMs < 3000)
})
