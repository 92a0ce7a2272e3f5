// Whatever announces itself to Home Assistant is listed, charted, switched and confirmed, without a line of
// configuration. The hardware is played by Mosquitto's clients.
import t, { type Test } from 'tap'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { type StartedHub, startedHub, talkTo } from '../started-hub.ts'

const clown = { user: 'clown', password: 'bigclown' }

const device = { ids: ['a0b1c2'], name: 'Desk', mdl: 'Multi 4' }
const gone = { avty_t: 'desk/status', dev: device }

/** Four configs as firmware sends them: abbreviated, retained, one with its whole device. */
const configs = {
  'homeassistant/switch/desk/plug/config': {
    ...{ name: 'Plug', uniq_id: 'plug', stat_t: 'desk/plug/state', cmd_t: 'desk/plug/command' },
    ...gone,
  },
  'homeassistant/sensor/desk/power/config': {
    ...{ name: 'Power', uniq_id: 'power', stat_t: 'desk/energy', dev_cla: 'power' },
    ...{ unit_of_meas: 'W', val_tpl: '{{ value_json.ENERGY.Power | float | round(1) }}', ...gone },
  },
  'homeassistant/light/desk/lamp/config': {
    ...{ schema: 'json', name: 'Lamp', uniq_id: 'lamp', bri_scl: 254, brightness: true },
    ...{ stat_t: 'desk/lamp', cmd_t: 'desk/lamp/set', ...gone },
  },
  'homeassistant/device/blind/config': {
    dev: { ids: 'blind', name: 'Blind' },
    o: { name: 'test' },
    cmps: {
      blind: {
        ...{ p: 'cover', name: null, uniq_id: 'blind', '~': 'blind', stat_t: '~/state' },
        ...{ cmd_t: '~/set', pos_t: '~/position', set_pos_t: '~/position/set' },
      },
    },
  },
}

async function nodesOf({ httpPort }: StartedHub): Promise<{ base: string; devices: unknown[] }[]> {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/nodes`, { headers })
  return ((await answer.json()) as { nodes: { base: string; devices: unknown[] }[] }).nodes
}

/** The quantities on `topic` that the history has points of. */
async function chartedOn({ httpPort }: StartedHub, topic: string): Promise<string[]> {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const query = new URLSearchParams({ topic })
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/history?${query}`, { headers })
  const { series } = (await answer.json()) as { series: { quantity: string }[] }
  return series.map(({ quantity }) => quantity)
}

/** The house: a hub, hardware that has announced itself, and a page. */
async function house(t: Test) {
  const hub = await startedHub(t)
  const mqtt = { port: hub.mqttPort, ...clown }
  const say = (topic: string, payload: string) => publish({ ...mqtt, topic, payload })
  for (const [topic, config] of Object.entries(configs)) {
    await publish({ ...mqtt, topic, payload: JSON.stringify(config), extra: ['-r'] })
  }
  await publish({ ...mqtt, topic: 'desk/status', payload: 'online', extra: ['-r'] })
  const page = await talkTo(t, hub, '/talk/devices/home-assistant')
  return { hub, mqtt, say, page }
}

t.test('what announces itself is listed, charted, switched and confirmed', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const { hub, mqtt, say, page } = await house(t)
  await say('desk/plug/state', 'OFF')
  await say('desk/energy', '{"ENERGY":{"Power":"41.72"}}')
  await say('desk/lamp', '{"state":"OFF","brightness":254}')
  await say('blind/state', 'closed')
  await say('blind/position', '0')
  t.same((await page.on('a0b1c2/relay/plug'))[1], { state: false })
  t.same((await page.on('a0b1c2/sensor/power'))[1], { power: [41.7, 'W'] })
  t.same((await page.on('a0b1c2/light/lamp'))[1], { state: false, brightness: 100 })
  t.same((await page.on('blind/cover/blind'))[1], { state: 'closed' })
  t.same((await page.on('blind/cover/blind'))[1], { state: 'closed', position: 0 })
  const nodes = await nodesOf(hub)
  t.match(
    nodes.map(({ base, devices }) => [base, devices.length]),
    [
      ['devices/home-assistant/a0b1c2', 3],
      ['devices/home-assistant/blind', 1],
    ],
  )

  const asked: [device: string, ask: unknown, topic: string, payload: string, answer: string[]][] =
    [
      ['a0b1c2/relay/plug', true, 'desk/plug/command', 'ON', ['desk/plug/state', 'ON']],
      [
        'a0b1c2/light/lamp',
        { brightness: 50 },
        'desk/lamp/set',
        '{"state":"ON","brightness":127}',
        ['desk/lamp', '{"state":"ON","brightness":126}'],
      ],
      ['blind/cover/blind', { position: 40 }, 'blind/position/set', '40', ['blind/position', '40']],
    ]
  for (const [name, ask, topic, payload, answer] of asked) {
    const hardware = await subscribe(t, { ...mqtt, filter: topic })
    const life = await subscribe(t, {
      ...mqtt,
      filter: `$SYS/hub/commands/devices/home-assistant/${name}`,
    })
    page.send(`${name}/set`, ask)
    t.equal(await hardware.next(), `${topic} ${payload}`)
    t.match(await life.next(), /"receipt":"sent"/, name)
    const [on = '', said = ''] = answer
    await say(on, said)
    t.match(await life.next(), /"receipt":"confirmed"/, name)
  }
  t.same(await chartedOn(hub, 'devices/home-assistant/a0b1c2/relay/plug'), ['state'])
  t.same(await chartedOn(hub, 'devices/home-assistant/a0b1c2/sensor/power'), ['power'])
  t.match(await chartedOn(hub, 'devices/home-assistant/a0b1c2/light/lamp'), ['brightness', 'state'])

  const refused = await subscribe(t, {
    ...mqtt,
    filter: '$SYS/hub/commands/devices/home-assistant/a0b1c2/relay/plug',
  })
  // The last one is retained.
  t.match(await refused.next(), /"receipt":"confirmed"/)
  await publish({ ...mqtt, topic: 'desk/status', payload: 'offline', extra: ['-r'] })
  page.send('a0b1c2/relay/plug/set', false)
  t.match(await refused.next(), /"receipt":"node-offline"/)
})
