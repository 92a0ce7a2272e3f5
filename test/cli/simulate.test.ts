import t from 'tap'
import { createInbox } from '../inbox.ts'
import { mqttTo, startedHub } from '../started-hub.ts'
import { ranLine, runLine } from './run-line.ts'

const relay = 'nodes/bridge/7/relay/i2c0-3b'

t.test('a simulated node has the faults of its command line', async (t) => {
  const hub = await startedHub(t)
  const url = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
  const states = createInbox<string>()
  const { client } = await mqttTo(t, hub, { filter: relay })
  client.on('message', (_topic, payload) => states.put(String(payload)))
  const faults = '--late 10ms --lying --twice --flapping --offline-after 60 --back-after 1m'
  const node = runLine(`simulate --base nodes/bridge/7 --url ${url} ${faults}`)
  await node.output.next((line) => line.includes('connected to'))
  await states.next()
  await client.publishAsync(`${relay}/set`, '{"state":true}', { qos: 1 })
  const told: string[] = []
  for (let at = 0; at < 10; at++) told.push(await states.next())
  const no = '{"state":false}'
  const yes = '{"state":true}'
  t.same(told, [no, no, yes, yes, no, no, yes, yes, no, no])
  node.stop()
  t.equal(await node.code, 0)
})

t.test('a simulated node leaves and returns by its command line', async (t) => {
  const hub = await startedHub(t)
  const url = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
  const { output, code, stop } = runLine(
    `simulate --url ${url} --deaf --offline-after 50ms --back-after 50ms`,
  )
  await output.next((line) => line.includes('connected to'))
  await output.next((line) => line.includes('without a word'))
  await output.next((line) => line.includes('connected to'))
  stop()
  t.equal(await code, 0)
  const staying = runLine(`simulate --url ${url} --offline-after 0.05`)
  await staying.output.next((line) => line.includes('without a word'))
  staying.stop()
  t.equal(await staying.code, 0)
})

t.test('a device of another convention is there, by its name and with its faults', async (t) => {
  const hub = await startedHub(t)
  const url = `mqtt://clown:bigclown@127.0.0.1:${hub.mqttPort}`
  const { client, on } = await mqttTo(t, hub, { filter: 'stat/pump/RESULT' })
  const faults = '--refusing --slow 10ms --frozen-after 60'
  const node = runLine(`simulate --profile tasmota --name pump --url ${url} ${faults} --json`)
  t.match(JSON.parse(await node.output.next()), { name: 'pump', said: /^connected to/ })
  await client.publishAsync('cmnd/pump/POWER', 'ON', { qos: 1 })
  t.equal(String((await on('stat/pump/RESULT')).payload), '{"Command":"Unknown"}')
  node.stop()
  t.equal(await node.code, 0)
})

t.test('faults that make no sense are refused in one sentence', async (t) => {
  const alone =
    /expected --deaf without --late, --slow, --lying, --twice, --flapping and --refusing: a deaf/
  const wrong: Record<string, RegExp> = {
    '--late soon': /^clown-hub: expected --late to be seconds from 0\.001 to 86400, .* got "soon"$/,
    '--offline-after 2000m': /^clown-hub: expected --offline-after to be seconds .* got "2000m"$/,
    '--offline-after 1 --back-after 0': /^clown-hub: expected --back-after to be .* got "0"$/,
    '--back-after 5': /^clown-hub: expected --offline-after with --back-after, got it alone$/,
    '--late': /^clown-hub: Option '--late <value>' argument missing; usage: clown-hub simulate/,
    '--deaf --late 1': alone,
    '--deaf --lying': alone,
    '--deaf --twice': alone,
    '--deaf --flapping': alone,
    '--profile tuya':
      /^clown-hub: expected --profile to be one of clown-model, tasmota, .*home-assistant, got "tuya"$/,
    '--profile homie --refusing':
      /^clown-hub: expected --refusing with tasmota, shelly or zigbee2mqtt: others have no word/,
    '--mute': /^clown-hub: Unknown option '--mute'.*; usage: clown-hub simulate/,
  }
  for (const [faults, sentence] of Object.entries(wrong)) {
    const { code, errors } = await ranLine(`simulate --url mqtt://127.0.0.1:1 ${faults}`)
    t.equal(code, 1, faults)
    t.equal(errors.length, 1)
    t.match(errors[0], sentence)
  }
})
