/** What people and other programs say to devices, beside what the hub does. */
import t from 'tap'
import { identityOf } from '../../src/simulator/convention.ts'
import { type ConventionName, conventions } from '../../src/simulator/conventions.ts'
import {
  blind,
  detector,
  lamp,
  meter,
  type NodePart,
  quantities,
  relay,
} from '../../src/simulator/parts.ts'
import { openNode } from './opened-node.ts'

interface Case {
  readonly convention: ConventionName
  readonly parts: readonly NodePart[]
  readonly say: readonly [topic: string, text: string]
  /** All that it says then; nothing where it only drops what came. */
  readonly heard: readonly (readonly [topic: string, value: unknown])[]
}

const plug = () => [relay('Plug')]
const light = () => [lamp('Lamp', ['brightness', 'color'])]
const cover = () => [blind('Blind', 40)]

function says(
  convention: ConventionName,
  parts: readonly NodePart[],
  [topic, text, ...heard]: readonly [string, string, ...(readonly [string, unknown])[]],
): Case {
  return { convention, parts, say: [topic, text], heard }
}

const stat = 'stat/tasmota_plug'
const rpc = (method: string, params?: unknown) =>
  JSON.stringify({ id: 7, src: 'me', method, params })
const shelly = 'shellyplus1pm-02a1b2c3d4e5'
const answer = (more: object) => ({ id: 7, src: shelly, dst: 'me', ...more })

const cases: readonly Case[] = [
  says('tasmota', plug(), [
    ...(['cmnd/tasmota_plug/Power', 'toggle'] as const),
    [`${stat}/RESULT`, { POWER: 'ON' }],
    [`${stat}/POWER`, 'ON'],
  ]),
  says('tasmota', plug(), [
    ...(['cmnd/tasmota_plug/POWER', ''] as const),
    [`${stat}/RESULT`, { POWER: 'OFF' }],
    [`${stat}/POWER`, 'OFF'],
  ]),
  says('tasmota', plug(), [
    ...(['cmnd/tasmota_plug/STATUS', '11'] as const),
    [`${stat}/STATUS11`, { StatusSTS: { POWER: 'OFF' } }],
  ]),
  says('tasmota', plug(), [
    'cmnd/tasmota_plug/POWER',
    'BLINK',
    [`${stat}/RESULT`, { Command: 'Unknown' }],
  ]),
  says('tasmota', plug(), [
    'cmnd/tasmota_plug/BEEP',
    '',
    [`${stat}/RESULT`, { Command: 'Unknown' }],
  ]),
  says('tasmota', light(), [
    ...(['cmnd/tasmota_plug/DIMMER', ''] as const),
    [`${stat}/RESULT`, { POWER: 'OFF', Dimmer: 60, Color: 'FFB46B' }],
    [`${stat}/POWER`, 'OFF'],
  ]),
  says('shelly', plug(), [
    ...([`${shelly}/rpc`, rpc('Switch.Toggle', { id: 0 })] as const),
    ['me/rpc', answer({ result: { was_on: false } })],
    [`${shelly}/events/rpc`, { method: 'NotifyStatus', params: { 'switch:0': { output: true } } }],
  ]),
  says('shelly', plug(), [
    ...([`${shelly}/rpc`, rpc('Switch.Set')] as const),
    ['me/rpc', { error: { code: 404, message: 'No handler for Switch.Set' } }],
  ]),
  says('shelly', light(), [
    ...([`${shelly}/rpc`, rpc('Light.Set', { id: 0 })] as const),
    ['me/rpc', { error: { code: -103 } }],
  ]),
  says('shelly', cover(), [
    ...([`${shelly}/rpc`, rpc('Cover.Stop', { id: 0 })] as const),
    ['me/rpc', answer({ result: { was_on: null } })],
    [`${shelly}/events/rpc`, { params: { 'cover:0': { state: 'stopped', current_pos: 40 } } }],
  ]),
  says('shelly', plug(), [`${shelly}/rpc`, '[]']),
  says('shelly-gen1', plug(), [
    'shellies/command',
    'announce',
    ['shellies/announce', { model: 'SHSW-PM' }],
  ]),
  says('shelly-gen1', plug(), ['shellies/command', 'update_fw']),
  says('shelly-gen1', plug(), ['shellies/shelly1pm-A1B2C3/relay/0/command', 'blink']),
  says('shelly-gen1', plug(), ['shellies/shelly1pm-A1B2C3/relay/0/set', '{}']),
  says('shelly-gen1', light(), [
    ...([
      'shellies/shelly1pm-A1B2C3/light/0/set',
      '{"red":1,"green":2,"blue":3,"gain":9}',
    ] as const),
    ['shellies/shelly1pm-A1B2C3/light/0', 'off'],
    [
      'shellies/shelly1pm-A1B2C3/light/0/status',
      { red: 1, green: 2, blue: 3, gain: 9, mode: 'color' },
    ],
  ]),
  says('shelly-gen1', light(), ['shellies/shelly1pm-A1B2C3/light/0/set', 'on']),
  says(
    'shelly-gen1',
    [detector('Door', 'contact')],
    [...(['shellies/command', 'update'] as const), ['shellies/shelly1pm-A1B2C3/input/0', 0]],
  ),
  says('zigbee2mqtt', plug(), [
    'zigbee2mqtt/Plug/set',
    'on',
    ['zigbee2mqtt/Plug', { state: 'ON' }],
  ]),
  says('zigbee2mqtt', plug(), [
    ...(['zigbee2mqtt/Plug/set', 'blink'] as const),
    [
      'zigbee2mqtt/bridge/logging',
      { level: 'error', message: /^Publish 'set' 'state' to 'Plug' failed/ },
    ],
  ]),
  says('zigbee2mqtt', cover(), [
    ...(['zigbee2mqtt/Blind/set', '{"state":"STOP"}'] as const),
    ['zigbee2mqtt/Blind', { state: 'OPEN', position: 40 }],
  ]),
  says('zigbee2mqtt', cover(), [
    ...(['zigbee2mqtt/Blind/set', 'turn'] as const),
    ['zigbee2mqtt/bridge/logging', { level: 'error' }],
  ]),
  says('zigbee2mqtt', light(), [
    ...(['zigbee2mqtt/Lamp/set', '{"color":"blue"}'] as const),
    ['zigbee2mqtt/bridge/logging', { level: 'error' }],
  ]),
  says(
    'zigbee2mqtt',
    [lamp('Lamp', ['color'])],
    [
      ...(['zigbee2mqtt/Lamp/set', '{"color":{"hex":"#000010"}}'] as const),
      ['zigbee2mqtt/Lamp', { color: { x: 0.15, y: 0.06 } }],
    ],
  ),
  says('zigbee2mqtt', plug(), [
    'zigbee2mqtt/Plug/get',
    '{"state":""}',
    ['zigbee2mqtt/Plug', { state: 'OFF' }],
  ]),
  says('zigbee2mqtt', plug(), ['zigbee2mqtt/Other/set', 'ON']),
  says('homie', plug(), ['homie/5/homie-plug/plug/state/set', 'yes']),
  says('homie', plug(), ['homie/5/homie-plug/other/state/set', 'true']),
  says('homie', cover(), [
    ...(['homie/5/homie-plug/blind/moving/set', '\0'] as const),
    ['homie/5/homie-plug/blind/moving/$target', '\0'],
    ['homie/5/homie-plug/blind/position', 40],
    ['homie/5/homie-plug/blind/moving', '\0'],
  ]),
  ...[
    ['t', 153],
    ['0', 0],
    ['255', 255],
  ].map(([text, level]) => {
    return says('wled', light(), [
      ...(['wled/a1b2c3', String(text)] as const),
      ['wled/a1b2c3/g', level],
      ['wled/a1b2c3/c', '#FFB46B'],
      ['wled/a1b2c3/v', /<ac>/],
    ])
  }),
  says('wled', light(), ['wled/a1b2c3', 'rainbow']),
  says('wled', [], ['wled/a1b2c3', 'ON']),
  says('esphome', plug(), [
    'esphome/discover',
    '',
    ['esphome/discover/esp-kitchen', { name: 'esp-kitchen' }],
  ]),
  says('esphome', light(), ['esp-kitchen/light/lamp/command', 'ON']),
  says('esphome', cover(), [
    ...(['esp-kitchen/cover/blind/command', 'STOP'] as const),
    ['esp-kitchen/cover/blind/state', 'OPEN'],
  ]),
  says(
    'hardwario',
    [relay('-')],
    [
      'node/power-controller:0/relay/-/state/get',
      '',
      ['node/power-controller:0/relay/-/state', false],
    ],
  ),
  says('hardwario', [relay('-')], ['node/power-controller:0/relay/-/state/set', 'ON']),
  says('hardwario', [relay('-')], ['node/power-controller:0/relay/1/state/set', 'true']),
  says(
    'hardwario',
    [meter('0:0', { battery: quantities.battery })],
    ['node/power-controller:0/relay/-/state/set', 'true'],
  ),
  says('rtl_433', [], ['rtl_433/receiver/x', 'ON']),
  says('home-assistant', cover(), [
    ...(['ha-plug/blind/set', 'STOP'] as const),
    ['ha-plug/blind/state', { position: 40, state: 'open' }],
  ]),
  says('home-assistant', light(), ['ha-plug/lamp/set', 'ON']),
  says('home-assistant', plug(), ['ha-plug/other/set', 'ON']),
  says(
    'clown-model',
    [meter('scale/-', { weight: quantities.battery })],
    [
      ...(['nodes/bridge/0/scale/-/get', ''] as const),
      ['nodes/bridge/0/scale/-', { weight: [87, null] }],
    ],
  ),
]

for (const { convention, parts, say, heard } of cases) {
  t.test(`${convention} on ${say.join(' ')}`, async (t) => {
    const node = openNode({ convention, parts })
    node.say(...say)
    t.match(node.heard(), heard)
    t.equal(
      node.dropped.length > 0,
      heard.length === 0 || /Unknown|error/.test(JSON.stringify(heard)),
    )
  })
}

t.test('Home Assistant is greeted with all configs, and all states', async (t) => {
  const node = openNode({ convention: 'home-assistant', parts: plug() })
  node.say('homeassistant/status', 'online')
  t.match(node.heard(), [
    ['homeassistant/switch/ha-plug/plug/config', { stat_t: 'ha-plug/plug/state' }],
    ['ha-plug/plug/state', { state: 'OFF' }],
  ])
})

t.test(
  'a module says which colours its lamp has, and one device who it is by another prefix',
  async (t) => {
    const kindOf = (...settings: Parameters<typeof lamp>[1]) => {
      const { node, heard } = openNode({ convention: 'tasmota', parts: [lamp('Lamp', settings)] })
      node.announce()
      const [[, config] = []] = heard()
      return Object(config).lt_st
    }
    t.same([kindOf(), kindOf('mired'), kindOf('color'), kindOf('mired', 'color')], [1, 2, 3, 5])
    const { node, heard } = openNode({ convention: 'shelly', base: 'kitchen', parts: plug() })
    node.announce()
    t.match(heard()[1], ['kitchen/events/rpc', { src: /^shellyplus1pm-02[0-9a-f]{10}$/ }])
  },
)

t.test('a node of Clown.Model is known by its base', async (t) => {
  const { lastingIdOf } = conventions['clown-model'].open(identityOf('nodes/x'), plug())
  t.same(plug().map(lastingIdOf), ['nodes/x'])
})
