import { readFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { publish, requireProgram, startMosquitto, subscribe } from '../programs.ts'
import { startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { program, startCommand, unrecorded } from './started-lab.ts'

interface Conversation {
  readonly messages: readonly { topic: string; payload: string; retain: boolean }[]
}

/** The first conversation of a convention. */
function said(convention: string) {
  const file = new URL(`../fixtures/devices/${convention}.json`, import.meta.url)
  const [conversation]: Conversation[] = JSON.parse(readFileSync(file, 'utf8'))
  return conversation?.messages ?? []
}

/** What a module with one relay says: its discovery, that it is there, its state, and that it obeyed. */
function tasmotaSays() {
  return said('tasmota')
}

const relay = 'A4CF12B0C1D2/relay/1'

/** A broker that was there before the hub, and what a module has left on it. */
async function besideBroker(t: Test) {
  const broker = await startMosquitto(t, { config: ['set_tcp_nodelay true'] })
  const { port } = broker
  const say = (topic: string, payload: string, retain = false) =>
    publish({ port, topic, payload, retain })
  for (const { topic, payload, retain } of tasmotaSays().slice(0, 3)) {
    await say(topic, payload, retain)
  }
  await say('room/thermometer/0', '{"temperature":[21.5,"°C"]}', true)
  return { broker, port, say, url: broker.url }
}

async function nodesOf({ httpPort }: { readonly httpPort: number }) {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/nodes`, { headers })
  return JSON.stringify(await answer.json())
}

t.test('a hub beside Mosquitto announces to Home Assistant what that would not know', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { port, say, url } = await besideBroker(t)
  const outside = await subscribe(t, { port, filter: 'homeassistant/#' })
  const hub = await startedHub(t, { bus: { url }, homeAssistant: true }, { announceEveryMs: 20 })
  await say('room/thermometer/0', '{"temperature":[22,"°C"]}')
  const config = await outside.next((line) => line.startsWith('homeassistant/device/room_'))
  t.match(config, /"topic":"hub\/nodes\/room"/, 'where it is told whether the node is there')
  t.match(config, /"state_topic":"room\/thermometer\/0"/)
  // Sessions and retained values are the broker's.
  const nobody = await fetch(`http://127.0.0.1:${hub.httpPort}/api/forget`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa('clown:bigclown')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ user: 'nobody' }),
  })
  t.match(await nobody.json(), { code: 'unknown-user' })
})

t.test('a hub beside Mosquitto shows what is there, and switches it', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { port, say, url } = await besideBroker(t)
  const hub = await startedHub(t, { bus: { url } })
  t.equal(hub.mqttPort, 0, 'the broker has the port')
  t.match(await nodesOf(hub), /"room".*thermometer/, 'known by what was retained before')
  t.match(await nodesOf(hub), /tasmota\/A4CF12B0C1D2/)
  const module = await subscribe(t, { port, filter: 'cmnd/#' })
  const page = await talkTo(t, hub, '/talk/devices/tasmota')
  const [, , , telemetry, , , answer] = tasmotaSays()
  await say(String(telemetry?.topic), String(telemetry?.payload))
  t.match((await page.on(relay))[1], { state: false })
  page.send(`${relay}/set`, { state: true }, { id: 1 })
  t.match((await page.on(`${relay}/set`))[1], { receipt: 'accepted' })
  t.match((await page.on(`${relay}/set`))[1], { receipt: 'sent' })
  t.equal(await module.next((line) => line.includes('POWER')), 'cmnd/tasmota_B0C1D2/POWER ON')
  await say(String(answer?.topic), String(answer?.payload))
  t.match((await page.on(`${relay}/set`))[1], { receipt: 'confirmed', final: true })
  t.match((await page.on(relay))[1], { state: true })
  const sent = module.items.filter((line) => line.includes('POWER'))
  t.equal(sent.length, 1, 'once, and the hub does not take it for the command of somebody else')
})

t.test(
  'what others command past the hub is followed, and told where it breaks a rule',
  async (t) => {
    if (requireProgram(t, 'mosquitto') === undefined) return
    const { port, say, url } = await besideBroker(t)
    const rules = [{ topic: 'nodes/bridge/0/relay/+', interlock: 'pumps' }]
    const hub = await startedHub(t, {
      bus: { url, commandUser: 'panel' },
      users: {
        clown: { password: 'bigclown', role: 'admin' },
        panel: { password: 'x', role: 'operator' },
        bridge: { password: 'x', role: 'node', base: 'nodes/bridge/0' },
      },
      commands: { rules },
    })
    const page = await talkTo(t, hub, '/talk/nodes/bridge/0')
    await say('nodes/bridge/0/boot', '{}')
    await say('nodes/bridge/0/relay/a', '{"state":true}')
    t.same((await page.on('relay/a'))[1], { state: true })
    const outside = await subscribe(t, { port, filter: '#' })
    const told = (topic: string) => outside.next((line) => line.startsWith(`${topic} `))
    await say('nodes/bridge/0/relay/b/set', '{"state":true}')
    t.match(await told('nodes/bridge/0/relay/b/error'), /"interlocked"/)
    t.match(await told('hub/commands/nodes/bridge/0/relay/b'), /"way":"observed"/)
    await say('nodes/bridge/0/relay/b', '{"state":true}')
    await outside.next((line) => /hub\/commands.*relay\/b .*"confirmed"/.test(line))
    await say('nodes/bridge/0/thermometer/x', '{"temperature":"warm"}')
    await say('nodes/bridge/0/relay/a', '{"state":false}')
    await say('nodes/bridge/0/relay/b', '{"state":false}')
    page.send('relay/a/set', { state: true }, { id: 1 })
    await told('nodes/bridge/0/relay/a/set')

    const set = `devices/tasmota/${relay}`
    await say(`${set}/set`, '{"state":true}')
    t.equal(await told('cmnd/tasmota_B0C1D2/POWER'), 'cmnd/tasmota_B0C1D2/POWER ON')
    await say(`${set}/set`, '{"wrong":true}')
    t.match(await told(`${set}/set/error`), /bad-payload/)
    await say(set, '{"state":true}')
    t.match(await told(`${set}/error`), /"forbidden"/)
    await say('stat/tasmota_B0C1D2/RESULT', '{"POWER":"ON"}')
    await say(`${set}/get`, '')
    await told('cmnd/tasmota_B0C1D2/STATUS')
    t.equal(hub.counters()['report-breaks-schema'], 1)
  },
)

t.test('while the broker is away the hub says so, and sends nothing', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const { broker, url } = await besideBroker(t)
  const hub = await startedHub(t, { bus: { url } })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${hub.httpPort}${path}`, {
      headers: {
        authorization: `Basic ${btoa('clown:bigclown')}`,
        'content-type': 'application/json',
      },
      ...init,
    })
  t.equal((await ask('/readyz')).status, 200)
  t.match(await (await ask('/api/bus')).json(), { state: 'connected', url, protocol: 'MQTT 5' })
  t.equal((await ask('/mqtt')).status, 404)
  const page = await talkTo(t, hub, '/talk/nodes/bridge/0')
  const lost = { device: 'nodes/bridge/0/relay/z', payload: { state: true }, timeoutSeconds: 0.2 }
  const unanswered = await ask('/api/command', { method: 'POST', body: JSON.stringify(lost) })
  t.equal(unanswered.status, 504)
  t.equal((await ask('/metrics')).status, 200)
  await broker.stop()
  await hub.log.next(({ msg }) => msg === 'the broker is away')
  t.equal((await ask('/readyz')).status, 503)
  t.match(await (await ask('/api/bus')).json(), { state: 'away' })
  page.send('thermometer/x', { temperature: [1, '°C'] })
  t.match((await page.on('thermometer/x/error'))[1], { code: 'bus-away' })
  const body = JSON.stringify({ device: 'nodes/bridge/0/relay/a', payload: { state: true } })
  const refused = await ask('/api/command', { method: 'POST', body })
  t.equal(refused.status, 503)
  t.match(await refused.json(), { receipt: 'refused', code: 'bus-away', final: true })
})

/** The lines of a shell that the page has for a start, with the broker of this test in the place of its own. */
function linesOfThePage(password: string, port: number): string[] {
  const page = readFileSync(new URL('../../docs/beside-mosquitto.md', import.meta.url), 'utf8')
  const block = /## In five minutes\n\n```sh\n(.*?)```/s.exec(page)?.[1] ?? ''
  const lines = block.split('\n').map((line) => line.replace(/ +#.*/, ''))
  const ours = lines.filter((line) => line.startsWith('clown-hub'))
  return ours.map((line) =>
    line.replace('PASSWORD', password).replace('127.0.0.1', `127.0.0.1:${port}`),
  )
}

/** Zigbee2MQTT with one lamp, and Home Assistant with its client as it comes, on a broker with users; answers its port. */
async function inhabitedBroker(t: Test): Promise<number> {
  const users = { 'clown-hub': 'hub-password', zigbee2mqtt: 'z', homeassistant: 'h' }
  const { port } = await startMosquitto(t, { users, config: ['set_tcp_nodelay true'] })
  const comes = async (username: 'zigbee2mqtt' | 'homeassistant', will: string) => {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      ...{ username, password: users[username], reconnectPeriod: 0 },
      will: { topic: will, payload: Buffer.from('offline'), qos: 1, retain: false },
    })
    t.teardown(() => client.endAsync(true))
    return client
  }
  const homeAssistant = await comes('homeassistant', 'homeassistant/status')
  await homeAssistant.subscribeAsync(['homeassistant/#', 'zigbee2mqtt/#', 'kitchen-plug/#'])
  await homeAssistant.publishAsync('homeassistant/status', 'online')
  const gateway = await comes('zigbee2mqtt', 'zigbee2mqtt/bridge/state')
  const [bridge, devices, , , obeyed] = said('zigbee2mqtt')
  gateway.on('message', () => void gateway.publish('zigbee2mqtt/lamp', String(obeyed?.payload)))
  await gateway.subscribeAsync('zigbee2mqtt/lamp/set')
  for (const message of [bridge, devices, ...said('home-assistant').slice(0, 5)]) {
    if (message === undefined) continue
    const { topic, payload, retain } = message
    await gateway.publishAsync(topic, payload, { retain, qos: 1 })
  }
  return port
}

t.test(
  'a stranger with Mosquitto, Zigbee2MQTT and Home Assistant needs the page only',
  async (t) => {
    if (requireProgram(t, 'mosquitto') === undefined) return
    const port = await inhabitedBroker(t)
    const [init = '', start = ''] = linesOfThePage('hub-password', port)
    const folder = testFolder(t)
    const typed = (line: string) => {
      const clownHub = `"${process.execPath}" "${program}"`
      const script = `cd "${folder}" && exec ${line.replace('clown-hub', clownHub)}`
      return startCommand(t, [...unrecorded, 'sh', '-c', script], { CLOWN_HTTP_PORT: '0' })
    }
    const first = typed(init)
    t.equal(await first.ended, 0, first.errors.items.join())
    const shown = first.output.items.join('\n')
    const [, password = ''] = /^password: (.*)$/m.exec(shown) ?? []
    const hub = typed(start)
    const listens = await hub.output.next((line) => line.includes('listens'))
    const origin = `http://127.0.0.1:${/HTTP port (\d+)/.exec(listens)?.[1]}`
    const headers = {
      authorization: `Basic ${btoa(`admin:${password}`)}`,
      'content-type': 'application/json',
    }
    const told = async (path: string, init: RequestInit = {}) =>
      (await fetch(`${origin}${path}`, { headers, ...init })).json()
    t.match(await told('/api/bus'), { state: 'connected', protocol: 'MQTT 5' })
    const devices = JSON.stringify(await told('/api/nodes'))
    for (const name of ['lamp', 'Kitchen Plug Relay', 'Kitchen Plug Power']) t.match(devices, name)
    const lamp = 'devices/zigbee2mqtt/0x000b57fffec6a5b2/light/-'
    const asked = JSON.stringify({ device: lamp, payload: { state: true } })
    // Nobody knows what it was: it has not said anything since the hub came.
    const receipt = await told('/api/command', { method: 'POST', body: asked })
    t.match(receipt, { receipt: 'confirmed', final: true })
    t.equal(await hub.end('SIGTERM'), 0)
  },
)
