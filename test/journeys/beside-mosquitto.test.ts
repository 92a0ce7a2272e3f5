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
