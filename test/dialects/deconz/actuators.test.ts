import t, { type Test } from 'tap'
import type { Receipt } from '../../../src/core/message.ts'
import { commandGroup, commandResource } from '../../../src/dialects/deconz/commands.ts'
import {
  describeResource,
  lightsAmong,
  resourcesOf,
} from '../../../src/dialects/deconz/resources.ts'
import { deviceNamed } from '../seen-device.ts'
import { deconzHouse } from './deconz-house.ts'

const memory = { isPresent: () => false, buttonEvent: () => null, happenedAtMs: () => undefined }

/** The first resource of a device that has reported this. */
function resource(kind: string, value: unknown, isKnown = true) {
  const told = isKnown ? value : undefined
  const keys = new Set(Object.keys(Object(value)))
  const device = deviceNamed(2, `${kind}/-`, { value: told, keys, isKnown })
  const [found] = resourcesOf(device)
  if (found === undefined) throw new Error(`expected a resource for ${kind}`)
  return found
}

function described(kind: string, value: unknown, isKnown = true) {
  const { type, state, config, hascolor } = describeResource(resource(kind, value, isKnown), {
    memory,
    nameOf: () => '',
  })
  return { type, state, config, hascolor }
}

/** What a device is asked by these parameters, and the answers. */
async function asked(kind: string, value: unknown, body: Record<string, unknown>) {
  const commands: unknown[] = []
  const command = async (_: string, payload: unknown): Promise<Receipt> => {
    commands.push(payload)
    return { receipt: 'confirmed', afterMs: 0, final: true }
  }
  const address = '/lights/2/state'
  const answers = await commandResource(resource(kind, value), body, { command, address })
  return { commands, answers }
}

const lamp = { state: true, brightness: 50, 'color-temp': 370, color: 'FF0000', effect: 'rainbow' }

t.test('a light is of the type of what it has, also when its state is not known', async (t) => {
  const types = [
    [{ state: true }, 'On/Off light', false],
    [{ state: true, brightness: 50 }, 'Dimmable light', false],
    [{ state: true, brightness: 50, 'color-temp': 370 }, 'Color temperature light', true],
    [{ state: true, color: 'FF0000' }, 'Color light', true],
    [lamp, 'Extended color light', true],
  ] as const
  for (const [report, type, hascolor] of types) {
    t.match(described('light', report), { type, hascolor, state: { on: true, reachable: true } })
    t.match(described('light', report, false), { type, state: { on: null, reachable: false } })
  }
})

t.test('a light says how bright it is, and in which colour', async (t) => {
  t.same(described('light', lamp).state, {
    alert: 'none',
    bri: 127,
    colormode: 'xy',
    ct: 370,
    effect: 'rainbow',
    hue: 0,
    on: true,
    reachable: true,
    sat: 255,
    xy: [0.6401, 0.33],
  })
  t.match(described('light', { ...lamp, color: null }).state, { xy: null, colormode: 'ct' })
  t.match(described('light', lamp, false).state, { bri: null, ct: null, effect: 'none' })
})

t.test('a light is asked in our words', async (t) => {
  const asks: [body: Record<string, unknown>, payload: Record<string, unknown>][] = [
    [
      { on: true, bri: 127 },
      { state: true, brightness: 50 },
    ],
    [{ bri: 255 }, { brightness: 100 }],
    [{ bri: 1 }, { brightness: 1 }],
    [{ bri: 0 }, { brightness: 0 }],
    [{ bri_inc: 127 }, { brightness: 100 }],
    [{ bri_inc: -254 }, { brightness: 0 }],
    [{ ct: 100 }, { 'color-temp': 153 }],
    [{ ct: 250, transitiontime: 4 }, { 'color-temp': 250 }],
    [{ ct_inc: 30 }, { 'color-temp': 400 }],
    [{ xy: [0.15, 0.06] }, { color: '0000FF' }],
    [{ hue: 21_845, sat: 255 }, { color: '00FF00' }],
    [{ sat: 0 }, { color: 'FFFFFF' }],
    [{ hue: 43_690 }, { color: '0000FF' }],
    [{ effect: 'none' }, { effect: 'none' }],
    [{ on: false }, { state: false }],
  ]
  for (const [body, payload] of asks) {
    const { commands, answers } = await asked('light', lamp, body)
    t.same(commands, [payload], JSON.stringify(body))
    t.ok(answers?.every((answer) => 'success' in answer))
  }
  const { answers } = await asked('light', lamp, { on: true, bri: 9, ct: 200 })
  t.same(answers?.length, 3)
  const white = { state: true, 'color-temp': 370, color: null }
  t.same((await asked('light', white, { hue: 0 })).commands, [{ color: 'FF0000' }])
  t.same((await asked('light', { state: true, brightness: null }, { bri_inc: 5 })).commands, [])
})

t.test('what a light has not, cannot be, or nobody would see is refused', async (t) => {
  const wrong: [report: Record<string, unknown>, body: Record<string, unknown>, type: number][] = [
    [{ state: true }, { bri: 5 }, 6],
    [{ state: true, brightness: 5 }, { ct: 200 }, 6],
    [{ state: true, brightness: 5 }, { constructor: 1 }, 6],
    [lamp, { bri: 256 }, 7],
    [lamp, { bri: '5' }, 7],
    [lamp, { xy: [0.5] }, 7],
    [lamp, { xy: [0.5, 2] }, 7],
    [lamp, { hue: -1 }, 7],
    [lamp, { effect: 5 }, 7],
    [{ ...lamp, state: false }, { bri: 5 }, 201],
    [{ ...lamp, state: false }, { xy: [0.3, 0.3] }, 201],
  ]
  for (const [report, body, type] of wrong) {
    const { commands, answers } = await asked('light', report, body)
    t.same(commands, [])
    t.match(answers, [{ error: { type } }], JSON.stringify(body))
  }
})

t.test('what only tells takes nothing', async (t) => {
  const { commands, answers } = await asked('thermometer', { temperature: [5, '℃'] }, { on: true })
  t.same(commands, [])
  t.match(answers, [{ error: { type: 6 } }])
})

t.test('covers are closed in percent, as in deCONZ, and open in ours', async (t) => {
  t.match(described('cover', { state: 'stopped', position: 60, tilt: 30 }), {
    type: 'Window covering device',
    state: { open: true, lift: 40, tilt: 70, on: false, bri: 102 },
  })
  t.match(described('cover', { state: 'closed', position: 0 }).state, { open: false, lift: 100 })
  t.match(described('cover', { state: 'closed' }).state, { open: false, on: true })
  t.match(described('cover', { state: 'open' }, false).state, { open: null, on: null })
  const whole = { state: 'open', position: 100, tilt: 0 }
  const asks: [body: Record<string, unknown>, payload: Record<string, unknown>][] = [
    [{ open: true }, { state: 'open' }],
    [{ open: false }, { state: 'close' }],
    [{ on: true }, { state: 'close' }],
    [{ on: false }, { state: 'open' }],
    [{ stop: true }, { state: 'stop' }],
    [{ lift: 'stop' }, { state: 'stop' }],
    [{ lift: 30 }, { position: 70 }],
    [{ bri: 254 }, { position: 0 }],
    [{ tilt: 100 }, { tilt: 0 }],
  ]
  for (const [body, payload] of asks) {
    t.same((await asked('cover', whole, body)).commands, [payload], JSON.stringify(body))
  }
  t.match((await asked('cover', { state: 'open' }, { lift: 5 })).answers, [{ error: { type: 6 } }])
  t.match((await asked('cover', whole, { stop: false })).answers, [{ error: { type: 7 } }])
})

t.test('locks, fans and thermostats are told and asked', async (t) => {
  t.match(described('lock', { state: 'locked' }), { type: 'Door Lock', state: { on: true } })
  t.match(described('lock', { state: 'jammed' }).state, { on: false })
  t.same((await asked('lock', { state: 'locked' }, { on: false })).commands, [{ state: 'unlock' }])
  t.match(described('fan', { state: true, speed: 50 }), { type: 'Fan', state: { speed: 2 } })
  t.match(described('fan', { state: false, speed: 50 }).state, { on: false, speed: 0 })
  t.notOk('speed' in Object(described('fan', { state: true }).state))
  const fan = { state: true, speed: 50 }
  t.same((await asked('fan', fan, { speed: 4 })).commands, [{ state: true, speed: 100 }])
  t.same((await asked('fan', fan, { speed: 0 })).commands, [{ state: false }])
  t.same((await asked('fan', fan, { on: false })).commands, [{ state: false }])
  const heater = { mode: 'heat', setpoint: 21.5, temperature: [20.1, '°C'] }
  t.match(described('climate', heater), {
    type: 'ZHAThermostat',
    state: { on: true, temperature: 2010 },
    config: { heatsetpoint: 2150, mode: 'heat', on: true, reachable: true },
  })
  t.match(described('climate', heater, false), {
    state: { on: null, temperature: null },
    config: { heatsetpoint: null, mode: null },
  })
  t.same((await asked('climate', heater, { heatsetpoint: 2200, mode: 'off' })).commands, [
    { setpoint: 22, mode: 'off' },
  ])
  t.same((await asked('climate', heater, { mode: 'off' })).commands, [{ mode: 'off' }])
})

/** What each tells besides what it is, and what deCONZ makes of it. */
const readings = [
  [{ power: [41.7, 'W'] }, 'ZHAPower', { power: 42 }],
  [{ energy: [1.5, 'kWh'] }, 'ZHAConsumption', { consumption: 1500 }],
  [{ battery: [90, '%'] }, 'ZHABattery', { battery: 90 }],
  [{ temperature: [68, '°F'] }, 'ZHATemperature', { temperature: 2000 }],
  [{ humidity: [null, '%'] }, 'ZHAHumidity', { humidity: null }],
  [{ illuminance: [10, 'lx'] }, 'ZHALightLevel', { lightlevel: 10_001, dark: true, lux: 10 }],
  [{ illuminance: [0, 'lx'] }, 'ZHALightLevel', { lightlevel: 0 }],
  [{ pressure: [1013, 'hPa'] }, 'ZHAPressure', { pressure: 1013 }],
  [{ co2: [650, 'ppm'] }, 'ZHAAirQuality', { airquality: 'excellent' }],
  [{ door: [true, null] }, 'ZHAOpenClose', { open: true }],
  [{ motion: [false, null] }, 'ZHAPresence', { presence: false }],
  [{ smoke: [true, null] }, 'ZHAFire', { fire: true }],
  [{ 'water-leak': null }, 'ZHAWater', { water: null }],
  [{ moisture: [41, '%'] }, 'ZHAMoisture', { moisture: 4100 }],
  [{ event: 'single' }, 'ZHASwitch', { buttonevent: null }],
] as const

t.test('whatever else a device tells is a sensor of its own', async (t) => {
  for (const [report, type, state] of readings) {
    t.match(described('sensor', report), { type, state, config: { on: true } }, type)
  }
  t.match(described('binary-sensor', { state: true }), {
    type: 'CLIPGenericFlag',
    state: { flag: true },
  })
  const plug = deviceNamed(2, 'relay/-', {
    value: { state: true, power: [5, 'W'], energy: [7, 'Wh'], pf: [1, null] },
  })
  const ids = resourcesOf(plug).map(({ id, column }) => [column.type, id])
  t.same(ids, [
    ['On/Off plug-in unit', '2'],
    ['ZHAPower', '125000000002'],
    ['ZHAConsumption', '130000000002'],
  ])
  const lamp = deviceNamed(2, 'light/-', { value: { state: true, brightness: 9, power: [5, 'W'] } })
  const types = resourcesOf(lamp).map((one) => describeResource(one, { memory, nameOf: () => '' }))
  t.match(types, [{ type: 'Dimmable light' }, { type: 'ZHAPower', state: { power: 5 } }])
  t.same(resourcesOf(deviceNamed(2, 'number/-', { value: { value: 5 } })), [])
})

t.test(
  'with all lights go those that light or switch, and nothing that opens a door',
  async (t) => {
    const devices = [
      deviceNamed(2, 'relay/-', { value: { state: false } }),
      deviceNamed(3, 'light/-', { value: { state: false, brightness: 50 } }),
      deviceNamed(4, 'light/x', { value: { state: true, brightness: 50 } }),
      deviceNamed(5, 'cover/-', { value: { state: 'closed' } }),
      deviceNamed(6, 'lock/-', { value: { state: 'locked' } }),
      deviceNamed(7, 'fan/-', { value: { state: false } }),
    ]
    const lights = lightsAmong(devices)
    t.same(
      lights.map(({ id }) => id),
      ['2', '3', '4'],
    )
    const commands: [topic: string, payload: unknown][] = []
    const command = async (topic: string, payload: unknown): Promise<Receipt> => {
      commands.push([topic, payload])
      return { receipt: 'confirmed', afterMs: 0, final: true }
    }
    const group = { command, address: '/groups/0/action' }
    await commandGroup(lights, { bri: 254 }, group)
    t.same(commands, [['nodes/bridge/0/light/x', { brightness: 100 }]], 'the one that is lit')
    commands.length = 0
    await commandGroup(lights, { on: true, bri: 127 }, group)
    t.same(commands, [
      ['nodes/bridge/0/relay/-', { state: true }],
      ['nodes/bridge/0/light/-', { state: true, brightness: 50 }],
      ['nodes/bridge/0/light/x', { state: true, brightness: 50 }],
    ])
  },
)

async function house(t: Test) {
  const opened = await deconzHouse(t)
  opened.obey()
  return opened
}

t.test('lights, covers and thermostats of a node are commanded, and told', async (t) => {
  const { add, get, put, events, report } = await house(t)
  const light = await add('light/-', { state: false, brightness: 10, color: 'FF0000' })
  t.match((await put(`/lights/${light}/state`, { on: true, bri: 127 })).body, [
    { success: { [`/lights/${light}/state/on`]: true } },
    { success: { [`/lights/${light}/state/bri`]: 127 } },
  ])
  await events.next(
    ({ e, id, state }) => e === 'changed' && id === light && Object(state).bri === 127,
  )
  const cover = await add('cover/-', { state: 'open', position: 100 })
  t.match((await put(`/lights/${cover}/state`, { lift: 40 })).body, [{ success: {} }])
  await events.next(({ id, state }) => id === cover && Object(state).lift === 40)
  const heater = await add('climate/-', { mode: 'heat', setpoint: 21, temperature: [20, '°C'] })
  const set = await put(`/sensors/${heater}/config`, { heatsetpoint: 2250 })
  t.match(set.body, [{ success: { [`/sensors/${heater}/config/heatsetpoint`]: 2250 } }])
  t.match((await get(`/sensors/${heater}`)).body.config, { heatsetpoint: 2250 })
  t.equal((await put(`/sensors/${heater}/config`, {})).status, 400)

  await report('relay/-', { state: true })
  const { id: relay } = await events.next(
    ({ e, light }) => e === 'added' && Object(light).modelid === 'relay',
  )
  await report('relay/-', { state: true, power: [41.7, 'W'] })
  const { id: power } = await events.next(
    ({ e, sensor }) => e === 'added' && Object(sensor).type === 'ZHAPower',
  )
  t.match((await get(`/sensors/${power}`)).body, { type: 'ZHAPower', state: { power: 42 } })
  await put(`/sensors/${power}`, { name: 'Plug in the kitchen' })
  t.equal((await get(`/lights/${relay}`)).body.name, 'Relay')
  await report('relay/-', { state: true, power: [50, 'W'] })
  await events.next(({ id, state }) => id === power && Object(state).power === 50)
  const { body: addresses } = await get('/devices')
  t.equal(new Set(addresses).size, addresses.length)
  t.equal((await get(`/devices/${addresses.at(-1)}`)).body.subdevices.length, 2)
})
