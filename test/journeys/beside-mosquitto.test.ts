import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { publish, requireProgram, startMosquitto, subscribe } from '../programs.ts'
import { startedHub, talkTo } from '../started-hub.ts'

interface Conversation {
  readonly messages: readonly { topic: string; payload: string; retain: boolean }[]
}

/** What a module with one relay says: its discovery, that it is there, its state, and that it obeyed. */
function tasmotaSays() {
  const file = new URL('../fixtures/devices/tasmota.json', import.meta.url)
  const [conversation]: Conversation[] = JSON.parse(readFileSync(file, 'utf8'))
  return conversation?.messages ?? []
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
