import t, { type Test } from 'tap'
import { type Login, publish, requireProgram, subscribe } from '../../programs.ts'
import { startedHouse } from './started-house.ts'

/** What a program is known to do by MQTT, with the topics it has as it comes. */
interface Traffic {
  /** How its user is made. */
  readonly options: readonly string[]
  readonly subscribes: readonly string[]
  /** Its last will, retained. */
  readonly will: string
  readonly retains: readonly string[]
  readonly says: readonly string[]
  /** What others publish to it. */
  readonly hears: readonly string[]
  /** What it has no business with. */
  readonly mayNotPublish: readonly string[]
}

const kind = (name: string, ...more: string[]) => ['--kind', name, ...more]

const programs: Readonly<Record<string, Traffic>> = {
  plug: {
    options: kind('tasmota'),
    subscribes: ['cmnd/plug/#', 'cmnd/tasmotas/#', 'cmnd/DVES_B0C1D2_fb/#'],
    will: 'tele/plug/LWT',
    retains: [
      'tasmota/discovery/A4CF12B0C1D2/config',
      'tasmota/discovery/A4CF12B0C1D2/sensors',
      'stat/plug/POWER',
    ],
    says: ['cmnd/plug/POWER', 'stat/plug/RESULT', 'tele/plug/STATE', 'tele/plug/SENSOR'],
    hears: ['cmnd/plug/Power2', 'cmnd/tasmotas/STATUS'],
    mayNotPublish: ['nodes/a/relay/0', 'homeassistant/switch/a/config', 'zigbee2mqtt/lamp/set'],
  },
  'topic-first': {
    options: kind('tasmota'),
    subscribes: ['strip/cmnd/#', 'tasmotas/cmnd/#'],
    will: 'strip/tele/LWT',
    retains: [],
    says: ['strip/stat/RESULT', 'strip/tele/STATE'],
    hears: ['strip/cmnd/POWER2', 'tasmotas/cmnd/POWER'],
    mayNotPublish: ['strip/other/x'],
  },
  // FullTopic house/%topic%/%prefix%/, with other words for the prefixes.
  pump: {
    options: kind('tasmota', '--topic', 'house/cellar/pump'),
    subscribes: ['house/cellar/pump/befehl/#', 'cmnd/tasmotas/#'],
    will: 'house/cellar/pump/werte/LWT',
    retains: ['tasmota/discovery/A4CF12B0C1D3/config'],
    says: ['house/cellar/pump/status/RESULT'],
    hears: ['house/cellar/pump/befehl/POWER', 'cmnd/tasmotas/POWER'],
    mayNotPublish: ['house/cellar/other/werte/STATE', 'stat/plug/POWER'],
  },
  shelly1: {
    options: kind('shelly'),
    subscribes: [
      'shellies/command',
      'shellies/shelly1pm-BA1936/command',
      'shellies/shelly1pm-BA1936/relay/0/command',
      'shellies/shelly1pm-BA1936/light/0/set',
      'shellies/shelly1pm-BA1936/roller/0/command/pos',
    ],
    will: 'shellies/shelly1pm-BA1936/online',
    retains: ['shellies/shelly1pm-BA1936/relay/0', 'shellies/shelly1pm-BA1936/input/0'],
    says: ['shellies/announce', 'shellies/shelly1pm-BA1936/relay/0/power'],
    hears: [
      'shellies/command',
      'shellies/shelly1pm-BA1936/command',
      'shellies/shelly1pm-BA1936/relay/0/command',
      'shellies/shelly1pm-BA1936/light/0/set',
      'shellies/shelly1pm-BA1936/roller/0/command/pos',
    ],
    mayNotPublish: ['shellies/shelly1pm-BA1936/light/0/set', 'nodes/a/relay/0'],
  },
  shelly2: {
    options: kind('shelly'),
    subscribes: ['shellyplus1pm-48a/rpc', 'shellyplus1pm-48a/command/#'],
    will: 'shellyplus1pm-48a/online',
    retains: [],
    says: [
      'shellyplus1pm-48a/events/rpc',
      'shellyplus1pm-48a/status/switch:0',
      'shellyplus1pm-48a/debug/log',
      'clown-hub/rpc',
    ],
    hears: [
      'shellyplus1pm-48a/rpc',
      'shellyplus1pm-48a/command',
      'shellyplus1pm-48a/command/switch:0',
    ],
    mayNotPublish: ['shellyplus1pm-48a/command/switch:0', 'nodes/a/relay/0'],
  },
  'shelly-named': {
    options: kind('shelly', '--topic', 'house/hall/light'),
    subscribes: ['house/hall/light/rpc', 'house/hall/light/command/#'],
    will: 'house/hall/light/online',
    retains: ['house/hall/light/status/light:0'],
    says: ['house/hall/light/events/rpc', 'clown-hub/rpc'],
    hears: ['house/hall/light/rpc', 'house/hall/light/command/light:0'],
    mayNotPublish: ['house/hall/other/online', 'shellyplus1pm-48a/online'],
  },
  kitchen: {
    options: kind('esphome'),
    subscribes: [
      'kitchen/switch/relay/command',
      'kitchen/climate/room/mode/command',
      'esphome/discover',
      'esphome/ping/kitchen',
    ],
    will: 'kitchen/status',
    retains: [
      'homeassistant/switch/kitchen/relay/config',
      'esphome/discover/kitchen',
      'kitchen/switch/relay/state',
      'kitchen/sensor/temperature/state',
      'kitchen/climate/room/mode/state',
    ],
    says: ['kitchen/debug'],
    hears: [
      'kitchen/switch/relay/command',
      'kitchen/climate/room/mode/command',
      'esphome/discover',
      'esphome/ping/kitchen',
    ],
    mayNotPublish: ['kitchen/switch/relay/command', 'nodes/a/relay/0'],
  },
  desk: {
    options: kind('esphome', '--topic', 'house/desk'),
    subscribes: ['house/desk/light/lamp/command', 'esphome/discover'],
    will: 'house/desk/status',
    retains: ['homeassistant/light/desk/lamp/config', 'house/desk/light/lamp/state'],
    says: ['house/desk/debug'],
    hears: ['house/desk/light/lamp/command', 'esphome/discover'],
    mayNotPublish: ['kitchen/switch/relay/state'],
  },
  zigbee2mqtt: {
    options: kind('zigbee2mqtt'),
    subscribes: ['zigbee2mqtt/#', 'homeassistant/status'],
    will: 'zigbee2mqtt/bridge/state',
    retains: [
      'zigbee2mqtt/bridge/devices',
      'zigbee2mqtt/bridge/groups',
      'zigbee2mqtt/first floor/living room/temp 1/availability',
      'homeassistant/light/0x000b57fffec6a5b2/light/config',
      'homeassistant/device_automation/0x00124b0022/action_single/config',
      'homeassistant/device/0x00124b0022/config',
    ],
    says: ['zigbee2mqtt/lamp', 'zigbee2mqtt/bridge/logging', 'zigbee2mqtt/bridge/response/backup'],
    hears: [
      'zigbee2mqtt/lamp/set',
      'zigbee2mqtt/plug/set/state',
      'zigbee2mqtt/plug/get',
      'zigbee2mqtt/all lamps/set',
      'zigbee2mqtt/bridge/request/device/rename',
      'homeassistant/status',
    ],
    mayNotPublish: ['homeassistant/status', 'nodes/a/relay/0'],
  },
  'second-coordinator': {
    options: kind('zigbee2mqtt', '--topic', 'zigbee/attic'),
    subscribes: ['zigbee/attic/#', 'homeassistant/status'],
    will: 'zigbee/attic/bridge/state',
    retains: ['zigbee/attic/bridge/devices', 'homeassistant/light/0x1/light/config'],
    says: ['zigbee/attic/lamp'],
    hears: ['zigbee/attic/lamp/set', 'homeassistant/status'],
    mayNotPublish: ['zigbee2mqtt/lamp'],
  },
  'node-red': {
    options: kind('node-red'),
    subscribes: ['#'],
    will: 'flows/status',
    retains: ['flows/state', 'homeassistant/sensor/flow/a/config'],
    says: ['flows/x', 'zigbee2mqtt/lamp/set', 'cmnd/plug/POWER', 'nodes/a/lamp/0/set'],
    hears: ['flows/in', 'nodes/a/thermometer/0'],
    mayNotPublish: [],
  },
  'node-red-of-the-garden': {
    options: kind('node-red', '--topic', 'garden', '--topic', 'pond'),
    subscribes: ['garden/#', 'pond/#'],
    will: 'garden/status',
    retains: ['garden/state'],
    says: ['pond/pump/set', 'garden/x'],
    hears: ['garden/in', 'pond/level'],
    mayNotPublish: ['house/x', 'house/pump/set'],
  },
  // Before there were kinds, people had roles.
  operator: {
    options: ['--role', 'operator'],
    subscribes: ['#'],
    will: 'desk/status',
    retains: ['desk/switch/relay/state', 'homeassistant/switch/desk/relay/config'],
    says: ['cmnd/plug/POWER', 'zigbee2mqtt/lamp/set'],
    hears: ['desk/switch/relay/command'],
    mayNotPublish: [],
  },
  node: {
    options: ['--role', 'node', '--base', 'nodes/attic/0'],
    subscribes: ['nodes/attic/0/+/+/set'],
    will: 'nodes/attic/0/status',
    retains: ['nodes/attic/0/lamp/0'],
    says: ['nodes/attic/0/lamp/1'],
    hears: ['nodes/attic/0/lamp/0/set'],
    mayNotPublish: ['nodes/attic/1/lamp/0', 'nodes/attic/0/lamp/0/set'],
  },
  'home-assistant-2': {
    options: kind('home-assistant'),
    subscribes: ['homeassistant/+/+/config', 'homeassistant/+/+/+/config', 'tasmota/discovery/#'],
    will: 'homeassistant/status',
    retains: ['homeassistant/sensor/of-its-own/config', 'cmnd/plug/DeepSleepTime'],
    says: ['kitchen/switch/relay/command', 'garage/anything', 'zigbee2mqtt/lamp/set'],
    hears: ['homeassistant/switch/kitchen/relay/config', 'tasmota/discovery/A4CF12B0C1D2/config'],
    mayNotPublish: [],
  },
}

t.test('programs have what they need by user add, and nothing else', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const options = Object.entries(programs).map(([name, { options }]) => [name, options] as const)
  const users = { ...Object.fromEntries(options), house: ['--kind', 'home-assistant'] }
  const { login, hub } = await startedHouse(t, users)
  for (const [name, traffic] of Object.entries(programs)) {
    await t.test(`${name}: ${traffic.options.join(' ')}`, (t) =>
      seenToWork(t, traffic, { own: login(name), house: login('house') }),
    )
  }
  t.equal(await hub.end('SIGTERM'), 0)
})

interface Logins {
  readonly own: Login
  /** A Home Assistant, which sees and commands everything. */
  readonly house: Login
}

async function seenToWork(t: Test, traffic: Traffic, { own, house }: Logins): Promise<void> {
  const { subscribes, will, retains, says, hears, mayNotPublish } = traffic
  const watching = await subscribe(t, { ...house, filter: '#', format: '%r %t %p' })
  const willed = ['--will-topic', will, '--will-payload', 'gone', '--will-retain']
  const more = subscribes.slice(1).flatMap((filter) => ['-t', filter])
  const program = await subscribe(t, {
    ...own,
    filter: subscribes[0] ?? '',
    extra: [...willed, ...more],
  })
  const live = (topic: string, payload: string) =>
    watching.next((line) => line === `0 ${topic} ${payload}`)

  const say = (topic: string, retain: boolean, payload = 'x') =>
    publish({ ...own, topic, payload, retain })
  for (const topic of [...retains, ...says]) {
    t.equal((await say(topic, retains.includes(topic))).code, 0)
    await live(topic, 'x')
  }
  for (const topic of mayNotPublish) await say(topic, false, 'forbidden')
  for (const topic of hears) {
    await publish({ ...house, topic, payload: '{"for":"you"}' })
    await program.next((line) => line === `${topic} {"for":"you"}`)
  }
  program.kill()
  await live(will, 'gone')
  const late = await subscribe(t, { ...house, filter: '#', format: '%r %t %p' })
  for (const topic of [...retains, will]) {
    await late.next((line) => RegExp(`^1 ${topic} (x|gone)$`).test(line))
  }
  const forbidden = watching.items.filter((line) => line.endsWith(' forbidden'))
  t.same(forbidden, [], 'what it may not publish is dropped')
  await Promise.all([watching, late, program].map(({ stop }) => stop()))
}
