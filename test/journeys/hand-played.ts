/** Devices as people play them with mosquitto_pub: what each says, and what it hears when its relay is turned on. */

export type Line = readonly [topic: string, payload: string, retain?: boolean]

interface Script {
  readonly base: string
  /** What it says of itself. */
  readonly greets: readonly Line[]
  /** What it is asked before it is known, and what it answers. */
  readonly isAsked?: { readonly by: RegExp; readonly answers: readonly Line[] }
  /** What it hears when it is turned on. */
  readonly hears: RegExp
  /** What it says when it is on, or off all the same. */
  readonly says: (isOn: boolean, asked: string) => readonly Line[]
  /** What it says to refuse. */
  readonly refuses?: (asked: string) => readonly Line[]
  /** What its will says. */
  readonly leaves: readonly Line[]
}

const onOff = (isOn: boolean) => (isOn ? 'ON' : 'OFF')

const z2mDevices = [
  {
    ...{
      ieee_address: '0x00158d0000000001',
      type: 'Router',
      friendly_name: 'pump',
      disabled: false,
    },
    definition: {
      ...{ model: 'plug', vendor: 'x', description: 'x' },
      exposes: [
        {
          type: 'switch',
          features: [
            {
              type: 'binary',
              name: 'state',
              property: 'state',
              access: 7,
              value_on: 'ON',
              value_off: 'OFF',
            },
          ],
        },
      ],
    },
  },
]

/** The number of the request, and who asks. */
function request(asked: string): { readonly id: number; readonly src: string } {
  return JSON.parse(asked.slice(asked.indexOf('{')))
}

let heardAtSeconds = 0

export const scripts: Readonly<Record<string, Script>> = {
  tasmota: {
    base: 'devices/tasmota/A4CF12000001',
    greets: [
      [
        'tasmota/discovery/A4CF12000001/config',
        JSON.stringify({
          ...{
            dn: 'Pump',
            fn: ['Pump'],
            mac: 'A4CF12000001',
            md: 'Sonoff',
            ofln: 'Offline',
            onln: 'Online',
          },
          ...{ state: ['OFF', 'ON', 'TOGGLE', 'HOLD'], t: 'pump', ft: '%prefix%/%topic%/' },
          ...{ tp: ['cmnd', 'stat', 'tele'], rl: [1], so: {}, ver: 1 },
        }),
        true,
      ],
      ['tele/pump/LWT', 'Online', true],
      ['tele/pump/STATE', '{"POWER":"OFF"}'],
    ],
    hears: /^cmnd\/pump\/POWER ON$/,
    says: (isOn) => [
      ['stat/pump/RESULT', `{"POWER":"${onOff(isOn)}"}`],
      ['stat/pump/POWER', onOff(isOn)],
    ],
    refuses: () => [['stat/pump/RESULT', '{"Command":"Unknown"}']],
    leaves: [['tele/pump/LWT', 'Offline', true]],
  },
  'tasmota, older than its discovery': {
    base: 'devices/tasmota/60019400AB01',
    greets: [
      ['tele/oldpump/LWT', 'Online', true],
      ['tele/oldpump/STATE', '{"Time":"2026-01-01T10:00:00","POWER":"OFF","Wifi":{"AP":1}}'],
    ],
    isAsked: {
      by: /^cmnd\/oldpump\/STATUS 0$/,
      answers: [
        [
          'stat/oldpump/STATUS',
          '{"Status":{"Module":1,"FriendlyName":["Pump"],"Topic":"oldpump","Power":0}}',
        ],
        ['stat/oldpump/STATUS2', '{"StatusFWR":{"Version":"6.6.0"}}'],
        ['stat/oldpump/STATUS5', '{"StatusNET":{"Hostname":"oldpump","Mac":"60:01:94:00:AB:01"}}'],
        ['stat/oldpump/STATUS10', '{"StatusSNS":{"Time":"2026-01-01T10:00:01"}}'],
        ['stat/oldpump/STATUS11', '{"StatusSTS":{"POWER":"OFF","Wifi":{"AP":1}}}'],
      ],
    },
    hears: /^cmnd\/oldpump\/POWER ON$/,
    says: (isOn) => [
      ['stat/oldpump/RESULT', `{"POWER":"${onOff(isOn)}"}`],
      ['stat/oldpump/POWER', onOff(isOn)],
    ],
    refuses: () => [['stat/oldpump/RESULT', '{"Command":"Unknown"}']],
    leaves: [['tele/oldpump/LWT', 'Offline', true]],
  },
  shelly: {
    base: 'devices/shelly/shellyplus1-a00000000001',
    greets: [
      ['shellyplus1-a00000000001/online', 'true', true],
      [
        'shellyplus1-a00000000001/events/rpc',
        '{"src":"shellyplus1-a00000000001","dst":"x","method":"NotifyFullStatus","params":{"ts":1,"switch:0":{"id":0,"output":false}}}',
      ],
    ],
    hears: /^shellyplus1-a00000000001\/rpc .*Switch\.Set.*"on":true/,
    says: (isOn, asked) => {
      const { id, src } = request(asked)
      const status = { ts: 2, 'switch:0': { id: 0, output: isOn } }
      const from = { src: 'shellyplus1-a00000000001' }
      return [
        [`${src}/rpc`, JSON.stringify({ id, ...from, dst: src, result: { was_on: false } })],
        [
          'shellyplus1-a00000000001/events/rpc',
          JSON.stringify({ ...from, dst: 'x', method: 'NotifyStatus', params: status }),
        ],
      ]
    },
    refuses: (asked) => {
      const { id, src } = request(asked)
      const error = { code: -103, message: 'overload' }
      return [
        [`${src}/rpc`, JSON.stringify({ id, src: 'shellyplus1-a00000000001', dst: src, error })],
      ]
    },
    leaves: [['shellyplus1-a00000000001/online', 'false', true]],
  },
  'shelly-gen1': {
    base: 'devices/shelly-gen1/000001',
    greets: [
      ['shellies/shelly1-000001/online', 'true', true],
      ['shellies/shelly1-000001/relay/0', 'off', true],
    ],
    hears: /^shellies\/shelly1-000001\/relay\/0\/command on$/,
    says: (isOn) => [['shellies/shelly1-000001/relay/0', isOn ? 'on' : 'off', true]],
    leaves: [['shellies/shelly1-000001/online', 'false', true]],
  },
  zigbee2mqtt: {
    base: 'devices/zigbee2mqtt/0x00158d0000000001',
    greets: [
      ['zigbee2mqtt/bridge/state', '{"state":"online"}', true],
      ['zigbee2mqtt/bridge/devices', JSON.stringify(z2mDevices), true],
      ['zigbee2mqtt/pump', '{"state":"OFF","last_seen":0}'],
    ],
    hears: /^zigbee2mqtt\/pump\/set {"state":"ON"}$/,
    says: (isOn) => [
      ['zigbee2mqtt/pump', `{"state":"${onOff(isOn)}","last_seen":${++heardAtSeconds}}`],
    ],
    refuses: () => [
      [
        'zigbee2mqtt/bridge/logging',
        `{"level":"error","message":"Publish 'set' 'state' to 'pump' failed: 'no answer'","namespace":"z2m"}`,
      ],
    ],
    leaves: [['zigbee2mqtt/bridge/state', '{"state":"offline"}', true]],
  },
  'homie 5': {
    base: 'devices/homie/pump5',
    greets: [
      [
        'homie/5/pump5/$description',
        '{"homie":"5.0","version":1,"nodes":{"r":{"properties":{"on":{"datatype":"boolean","settable":true}}}}}',
        true,
      ],
      ['homie/5/pump5/r/on', 'false', true],
      ['homie/5/pump5/$state', 'ready', true],
    ],
    hears: /^homie\/5\/pump5\/r\/on\/set true$/,
    says: (isOn) => [
      ['homie/5/pump5/r/on/$target', 'true', true],
      ['homie/5/pump5/r/on', `${isOn}`, true],
    ],
    leaves: [['homie/5/pump5/$state', 'lost', true]],
  },
  'homie 4': {
    base: 'devices/homie/pump4',
    greets: [
      ['homie/pump4/$homie', '4.0.0', true],
      ['homie/pump4/$nodes', 'r', true],
      ['homie/pump4/r/$properties', 'on', true],
      ['homie/pump4/r/on/$datatype', 'boolean', true],
      ['homie/pump4/r/on/$settable', 'true', true],
      ['homie/pump4/r/on', 'false', true],
      ['homie/pump4/$state', 'ready', true],
    ],
    hears: /^homie\/pump4\/r\/on\/set true$/,
    says: (isOn) => [['homie/pump4/r/on', `${isOn}`, true]],
    leaves: [['homie/pump4/$state', 'lost', true]],
  },
  wled: {
    base: 'devices/wled/strip',
    greets: [
      ['wled/strip/status', 'online', true],
      ['wled/strip/g', '0'],
    ],
    hears: /^wled\/strip ON$/,
    says: (isOn) => [['wled/strip/g', isOn ? '128' : '0']],
    leaves: [['wled/strip/status', 'offline', true]],
  },
  esphome: {
    base: 'devices/esphome/a0b1c2000001',
    greets: [
      ['esphome/discover/pump', '{"name":"pump","mac":"a0b1c2000001"}', true],
      ['pump/status', 'online', true],
      ['pump/switch/relay/state', 'OFF', true],
    ],
    hears: /^pump\/switch\/relay\/command ON$/,
    says: (isOn) => [['pump/switch/relay/state', onOff(isOn), true]],
    leaves: [['pump/status', 'offline', true]],
  },
  hardwario: {
    base: 'devices/hardwario/pump',
    greets: [['node/pump/relay/-/state', 'false']],
    hears: /^node\/pump\/relay\/-\/state\/set true$/,
    says: (isOn) => [['node/pump/relay/-/state', `${isOn}`]],
    leaves: [],
  },
  'home-assistant': {
    base: 'devices/home-assistant/pump-1',
    greets: [
      [
        'homeassistant/switch/pump-1/config',
        JSON.stringify({
          ...{ name: 'Pump', uniq_id: 'pump-1-relay', stat_t: 'ha/pump', cmd_t: 'ha/pump/set' },
          ...{ avty_t: 'ha/pump/status', dev: { ids: ['pump-1'], name: 'Pump' } },
        }),
        true,
      ],
      ['ha/pump/status', 'online', true],
      ['ha/pump', 'OFF', true],
    ],
    hears: /^ha\/pump\/set ON$/,
    says: (isOn) => [['ha/pump', onOff(isOn), true]],
    leaves: [['ha/pump/status', 'offline', true]],
  },
}
