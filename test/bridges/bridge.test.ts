import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type IPublishPacket } from 'mqtt'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { noRights } from '../../src/access/rights.ts'
import { Bridge, type BridgeOptions } from '../../src/bridges/bridge.ts'
import { type ConfigInput, checkConfig } from '../../src/config.ts'
import { testCertificate } from '../certificates.ts'
import { steppedClock } from '../clock.ts'
import { wireTo } from '../faults/cut-wire.ts'
import { hubProcess } from '../hub-process.ts'
import { createInbox } from '../inbox.ts'
import { freePort, requireProgram, startMosquitto, startNats } from '../programs.ts'
import { type MqttMessage, mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const headers = {
  authorization: `Basic ${btoa('clown:bigclown')}`,
  'content-type': 'application/json',
}

async function bridgesOf({ httpPort }: StartedHub) {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/bridges`, { headers })
  const { bridges } = (await answer.json()) as { bridges: Record<string, unknown>[] }
  return bridges
}

/** Resolves when the other broker has all that goes over the first bridge of a hub. */
async function nothingWaits(hub: StartedHub) {
  for (let bytes: unknown; bytes !== 0; ) {
    const [status] = await bridgesOf(hub)
    bytes = Object(status?.['waiting']).bytes
  }
}

/** Resolves when the first bridge of a hub is as it should be. */
async function bridged(t: Test, hub: StartedHub, state = 'connected') {
  const mqtt = await mqttTo(t, hub, { filter: '$SYS/hub/bridges/#' })
  await mqtt.messages.next(({ payload }) => JSON.parse(String(payload)).state === state)
  await mqtt.client.endAsync()
}

/** Somebody on the other broker, who hears all there. */
async function stranger(t: Test, port: number, options: IClientOptions = {}) {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, ...options })
  t.teardown(() => client.endAsync(true))
  client.on('error', () => {})
  const heard = createInbox<IPublishPacket & { text: string }>()
  client.on('message', (_topic, payload, packet) => {
    if (!packet.topic.includes('hub/fence/')) heard.put({ ...packet, text: String(payload) })
  })
  await client.subscribeAsync('#', { qos: 2, rap: true })
  const on = (topic: string) => heard.next((message) => message.topic === topic)
  return { client, heard, on }
}

interface Receipt {
  readonly receipt: string
  readonly code?: string
}

async function command({ httpPort }: StartedHub, device: string): Promise<Receipt> {
  const body = JSON.stringify({ device, payload: { state: true } })
  const url = `http://127.0.0.1:${httpPort}/api/command`
  const answer = await fetch(url, { method: 'POST', headers, body })
  return (await answer.json()) as Receipt
}

t.test('what is told here goes there, and the other way round', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const acl = join(testFolder(t), 'acl')
  await writeFile(acl, 'topic readwrite #\ntopic deny site/nodes/secret\n', { mode: 0o600 })
  const broker = await startMosquitto(t, { config: [`acl_file ${acl}`, 'max_packet_size 1000'] })
  const wire = await wireTo(t, broker.port)
  const far = await stranger(t, broker.port)
  await far.client.publishAsync('site/weather/roof', '7', { retain: true })
  await far.client.publishAsync('site/weather/gone', '7', { retain: true })
  await far.client.publishAsync('site/weather/relay/0/set', 'old', { retain: true })
  const hub = await startedHub(t, {
    bridges: [
      {
        name: 'cloud',
        url: `mqtt://127.0.0.1:${wire.port}`,
        clientId: 'clown-hub-home',
        ...{ prefix: 'site', in: ['weather/#', 'lamps/#'], out: ['#'], commandUser: 'clown' },
      },
    ],
  })
  await bridged(t, hub)
  const filter = ['nodes/#', 'weather/#', 'lamps/#', 'local/#']
  const near = await mqttTo(t, hub, { filter, protocolVersion: 5 })
  t.equal((await far.on('site/hub/bridges/clown-hub-home')).text, '{"online":true}')

  await t.test('out: with QoS, retain flag and properties', async (t) => {
    const properties = { contentType: 'text/plain', userProperties: { a: '1' } }
    await near.client.publishAsync('nodes/a/0/x', 'out', { qos: 1, retain: true, properties })
    const { text, qos, retain, properties: said } = await far.on('site/nodes/a/0/x')
    t.match({ text, qos, retain }, { text: 'out', qos: 1, retain: true })
    t.match(said, { contentType: 'text/plain', userProperties: { a: '1' } })
    await near.client.publishAsync('nodes/a/0/y', '0', { qos: 0 })
    t.match(await far.on('site/nodes/a/0/y'), { text: '0', qos: 0, retain: false })
    await near.client.publishAsync('nodes/a/0/y', '2', { qos: 2 })
    t.match(await far.on('site/nodes/a/0/y'), { text: '2', qos: 1 })
  })

  await t.test('what the other broker does not take is lost, and told', async (t) => {
    await near.client.publishAsync('nodes/secret', '1', { qos: 1 })
    await hub.log.next(({ reason }) => String(reason).includes('Not authorized'))
    await near.client.publishAsync('nodes/large', 'x'.repeat(1000), { qos: 1 })
    await nothingWaits(hub)
    const [{ lost } = {}] = await bridgesOf(hub)
    t.ok(Number(lost) >= 2)
  })

  await t.test('in: what was retained but for commands, and what comes', async (t) => {
    t.match(await near.on('weather/roof'), { retain: true, payload: Buffer.from('7') })
    await far.client.publishAsync('site/weather/roof', '8', { qos: 1, retain: true })
    t.match(await near.on('weather/roof'), { qos: 1, payload: Buffer.from('8') })
    t.notOk(near.messages.items.some(({ topic }) => topic.endsWith('/set')))
  })

  await t.test('what came does not go back', async (t) => {
    await near.client.publishAsync('nodes/mark', 'last', { qos: 1 })
    await far.on('site/nodes/mark')
    const own = far.heard.items.filter(({ topic }) => topic === 'site/weather/roof')
    t.equal(own.length, 2, 'as the stranger has said it')
  })

  const lamp = 'lamps/node/relay/0'
  await t.test('a device there is commanded from here', async (t) => {
    far.client.on('message', (topic, payload) => {
      if (topic === `site/${lamp}/set`) far.client.publish(`site/${lamp}`, payload, { qos: 1 })
    })
    await far.client.publishAsync(`site/${lamp}`, '{"state":false}', { qos: 1 })
    await near.on(lamp)
    t.match(await command(hub, lamp), { receipt: 'confirmed' })
    await near.on(lamp)
  })

  await t.test(
    'a device here is commanded from there, and not by a command from here',
    async (t) => {
      const relay = 'local/node/relay/0'
      await near.client.publishAsync(relay, '{"state":false}', { qos: 1 })
      await far.on(`site/${relay}`)
      await near.client.publishAsync(`${relay}/set`, '{"state":true}', { qos: 1 })
      await near.client.publishAsync('nodes/mark', 'behind', { qos: 1 })
      await far.on('site/nodes/mark')
      t.notOk(far.heard.items.some(({ topic }) => topic === `site/${relay}/set`))
    },
  )

  await t.test(
    'F76: while the link is cut, what was promised waits, and commands do not',
    async (t) => {
      await nothingWaits(hub)
      wire.cut()
      // Who waits for a word of the other broker waits for a second.
      t.match(await command(hub, lamp), { receipt: 'refused', code: 'bridge-away' })
      await near.client.publishAsync('nodes/a/0/missed', '0')
      for (const text of ['1', '2', '3']) {
        await near.client.publishAsync('nodes/a/0/kept', text, { qos: 1 })
        await near.client.publishAsync('nodes/a/0/value', text, { retain: true })
      }
      await near.client.publishAsync('nodes/a/0/x', '', { retain: true })
      t.match(await command(hub, lamp), { receipt: 'refused', code: 'bridge-away' })
      await far.client.publishAsync('site/weather/gone', '', { retain: true })
      await far.client.publishAsync('site/weather/roof', '9', { retain: true })
      t.match(await bridgesOf(hub), [{ state: 'away', waiting: { messages: 5 } }])
      wire.mend()
      for (const text of ['1', '2', '3']) t.equal((await far.on('site/nodes/a/0/kept')).text, text)
      t.match(await far.on('site/nodes/a/0/x'), { text: '', retain: true })
      t.equal((await far.on('site/nodes/a/0/value')).text, '3', 'only the last one')
      t.equal(String((await near.on('weather/roof')).payload), '9')
      const isGone = ({ topic, payload }: MqttMessage) =>
        topic === 'weather/gone' && payload.length === 0
      t.ok(await near.messages.next(isGone), 'what was taken away meanwhile')
      t.notOk(far.heard.items.some(({ topic }) => topic.endsWith('missed')))
      t.equal(far.heard.items.filter(({ topic }) => topic === `site/${lamp}/set`).length, 1)
    },
  )

  await t.test('how it is', async (t) => {
    await nothingWaits(hub)
    const [{ lost, ...status } = {}] = await bridgesOf(hub)
    t.match(status, { name: 'cloud', state: 'connected', protocol: 'MQTT 5' })
    t.ok(Number(lost) >= 5, 'two commands, and what was for who was there')
    const answer = await fetch(`http://127.0.0.1:${hub.httpPort}/metrics`, { headers })
    t.match(await answer.text(), /clown_hub_bridge_connected\{bridge="cloud"\} 1/)
  })
})

t.test('two hubs that are bridged to each other make no storm', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const port = await freePort()
  const all = { in: ['#'], out: ['#'], user: 'clown' }
  const one = await startedHub(t, {
    bridges: [{ name: 'two', url: `mqtt://127.0.0.1:${port}`, ...all, ...(await passwordFor(t)) }],
  })
  const two = await startedHub(t, {
    mqtt: { port },
    bridges: [
      { name: 'one', url: `mqtt://127.0.0.1:${one.mqttPort}`, ...all, ...(await passwordFor(t)) },
    ],
  })
  await bridged(t, two)
  await bridged(t, one)
  const ends = await Promise.all(
    [one, two].map((hub) => mqttTo(t, hub, { filter: 'nodes/#', protocolVersion: 5 })),
  )
  for (const [at, { client }] of ends.entries()) {
    await client.publishAsync(`nodes/a/${at}/x`, '1', { qos: 1, retain: true })
    await client.publishAsync(`nodes/a/${at}/x`, '2', { qos: 1 })
  }
  // What goes round would be there by now.
  for (const end of ['nodes/end', 'nodes/end/of/all']) {
    for (const { client } of ends) await client.publishAsync(end, '', { qos: 1 })
    for (const { on } of ends) for (let times = 0; times < 3; times++) await on(end)
  }
  for (const { messages } of ends) {
    const told = messages.items.filter(({ topic }) => topic.startsWith('nodes/a'))
    t.equal(told.length, 6, 'what is of the other one is sent and taken, and goes no further')
  }
})

async function passwordFor(t: Test) {
  const passwordFile = join(testFolder(t), 'password')
  await writeFile(passwordFile, 'bigclown\n', { mode: 0o600 })
  return { passwordFile }
}

t.test('F76: what was acknowledged outlives kill -9, and goes by TLS', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { certFile, keyFile } = await testCertificate(t)
  const port = await freePort()
  const config: Partial<ConfigInput> = {
    data: { folder: testFolder(t) },
    bridges: [{ url: `mqtts://127.0.0.1:${port}`, out: ['nodes/#'], tls: { caFile: certFile } }],
  }
  const killed = await hubProcess(t, config)
  const { client } = await mqttTo(t, killed, { clientId: 'board' })
  client.on('error', () => {})
  for (let at = 0; at < 50; at++) await client.publishAsync('nodes/a/0/x', `${at}`, { qos: 1 })
  await killed.kill()
  const listener = [`listener ${port} 127.0.0.1`, `certfile ${certFile}`, `keyfile ${keyFile}`]
  const broker = await startMosquitto(t, { config: listener })
  const far = await stranger(t, broker.port)
  await startedHub(t, config)
  for (let at = 0; at < 50; at++) t.equal((await far.on('nodes/a/0/x')).text, `${at}`)
})

t.test('a broker of MQTT 3.1.1 sends back what it was sent, which is not told twice', async (t) => {
  if (requireProgram(t, 'nats-server') === undefined) return
  const broker = await startNats(t)
  const far = await stranger(t, broker.port, { protocolVersion: 4 })
  const hub = await startedHub(t, { bridges: [{ url: broker.url, in: ['nodes/#'], out: ['#'] }] })
  await bridged(t, hub)
  const near = await mqttTo(t, hub, { filter: 'nodes/#' })
  await near.client.publishAsync('other', 'mine', { qos: 1 })
  await near.client.publishAsync('nodes/a/0/x', 'mine', { qos: 1 })
  t.equal((await far.on('nodes/a/0/x')).text, 'mine')
  await far.client.publishAsync('nodes/a/0/y', 'theirs', { qos: 1 })
  t.equal(String((await near.on('nodes/a/0/y')).payload), 'theirs')
  t.equal(near.messages.items.length, 2)
})

t.test('what waits for a bridge that is there no more is dropped', async (t) => {
  const data = { folder: testFolder(t) }
  const url = `mqtt://127.0.0.1:${await freePort()}`
  const bridges = ['gone', 'here'].map((name) => ({ name, url, out: ['a'] }))
  const first = await startedHub(t, { data, bridges, limits: { bridges: { messages: 2 } } })
  const { client } = await mqttTo(t, first)
  for (const text of ['0', '1', '2']) await client.publishAsync('a', text, { qos: 1 })
  const lost = await first.log.next(({ kind }) => kind === 'bridge-messages-lost')
  t.match(lost, { topic: 'a' }, 'the oldest goes when there is no room')
  await first.close()
  const second = await startedHub(t, { data, bridges: bridges.slice(1) })
  t.match(await second.log.next(({ event }) => event === 'bridge-gone'), {
    bridge: 'gone',
    messages: 2,
  })
  t.match(await bridgesOf(second), [{ name: 'here', waiting: { messages: 2 } }])
})

t.test('what goes over a bridge is told, but not again and again', async (t) => {
  const clock = steppedClock()
  const { bridges, limits } = checkConfig({ bridges: [{ url: 'mqtt://127.0.0.1:1', in: ['a'] }] })
  const [settings] = bridges
  if (settings === undefined) throw new Error('expected a bridge')
  let times = 0
  const log = pino({ level: 'silent' })
  const nothing = () => {}
  const options: BridgeOptions = {
    ...{ settings, limits, clock, log, place: 'bridges.0', clientId: 'hub' },
    bus: {
      ...{ publish: nothing, subscribe: () => nothing, retainedOn: () => undefined },
      async *retained() {},
    },
    journal: { aheadMs: 0, note: nothing, noteNew: nothing },
    enter: (message) => message,
    commander: () => ({ user: '', rights: noRights, address: '', way: 'bridge' }),
    changed: () => times++,
    sampledLog: { warn: nothing },
  }
  const bridge = new Bridge(options)
  bridge.listen()
  clock.step(10_000)
  clock.step(10_000)
  t.equal(times, 1)
  await bridge.close()
  await t.resolves(new Bridge(options).close(), 'nor does one that never listened')
})
