import t from 'tap'
import { jeedomHouse } from './jeedom-house.ts'

/** What each kind reports, and its commands: their types, and what those that inform say. */
const kinds: readonly (readonly [
  name: string,
  report: unknown,
  commands: readonly (readonly [genericType: string, said?: unknown])[],
])[] = [
  [
    'light/-',
    { state: true, brightness: 50, color: 'FFA000', 'color-temp': 370 },
    [
      ['LIGHT_STATE', 1],
      ['LIGHT_BRIGHTNESS', 50],
      ['LIGHT_COLOR_TEMP', 370],
      ['LIGHT_COLOR', '#FFA000'],
      ['LIGHT_ON'],
      ['LIGHT_OFF'],
      ['LIGHT_SLIDER'],
      ['LIGHT_SET_COLOR_TEMP'],
      ['LIGHT_SET_COLOR'],
    ],
  ],
  [
    'cover/-',
    { state: 'stopped', position: 60 },
    [
      ['GENERIC_INFO', 'stopped'],
      ['FLAP_STATE', 60],
      ['FLAP_UP'],
      ['FLAP_DOWN'],
      ['FLAP_STOP'],
      ['FLAP_SLIDER'],
    ],
  ],
  ['lock/-', { state: 'locked' }, [['LOCK_STATE', 1], ['LOCK_CLOSE'], ['LOCK_OPEN']]],
  [
    'climate/-',
    { mode: 'heat', setpoint: 21.5, temperature: [20.1, '°C'] },
    [
      ['THERMOSTAT_SETPOINT', 21.5],
      ['THERMOSTAT_MODE', 'heat'],
      ['TEMPERATURE', 20.1],
      ['THERMOSTAT_SET_SETPOINT'],
      ['THERMOSTAT_SET_MODE'],
    ],
  ],
  [
    'sensor/plug',
    { power: [41.7, 'W'], energy: [1.5, 'kWh'], battery: [90, '%'], door: [true, null] },
    [
      ['POWER', 41.7],
      ['CONSUMPTION', 1500],
      ['BATTERY', 90],
      ['OPENING', 1],
    ],
  ],
  ['button/-', {}, [['GENERIC_ACTION']]],
]

t.test('each kind has the generic types of Jeedom', async (t) => {
  const { call, report, listen } = await jeedomHouse(t)
  const events = await listen()
  for (const [name, value, commands] of kinds) {
    await report(name, value)
    await events.next(({ name }) => name === 'eqLogic::update')
    const { result: equipment } = await call('eqLogic::all')
    const { id } = equipment.find(({ logicalId }: { logicalId: string }) => logicalId === name)
    const { cmds } = (await call('eqLogic::fullById', { id })).result
    t.same(
      cmds.map((command: Record<string, unknown>) =>
        command['type'] === 'info'
          ? [command['generic_type'], command['currentValue']]
          : [command['generic_type']],
      ),
      commands,
      name,
    )
    const ids = cmds.map((command: { id: string }) => command.id)
    t.equal(new Set(ids).size, ids.length)
  }
})

t.test('sliders, colours and buttons are commanded', async (t) => {
  const { call, report, node, commandId, listen, obey } = await jeedomHouse(
    t,
    {},
    {
      commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] },
    },
  )
  obey()
  const events = await listen()
  await report('light/-', { state: true, brightness: 50, color: 'FFA000' })
  await report('cover/-', { state: 'open', position: 100 })
  await events.next(({ option }) => JSON.stringify(option).includes('"shutter":{"value":1}'))
  const press = async (device: string, name: string, options?: Record<string, unknown>) => {
    const answer = await call('cmd::execCmd', { id: await commandId(device, name), options })
    if (answer.error !== undefined) return answer.error
    const { topic, payload } = await node.messages.next()
    return [topic.split('/').at(-3), JSON.parse(String(payload))]
  }
  t.same(await press('light/-', 'Set Brightness', { slider: 30 }), ['light', { brightness: 30 }])
  t.same(await press('light/-', 'Set Brightness', { slider: '31' }), ['light', { brightness: 31 }])
  t.same(await press('light/-', 'Set Color', { color: '#00ff00' }), ['light', { color: '00FF00' }])
  t.same(await press('light/-', 'Off'), ['light', { state: false }])
  t.same(await press('cover/-', 'Stop'), ['cover', { state: 'stop' }])
  for (const options of [{}, { slider: '' }, { slider: 'x' }, { slider: true }]) {
    t.match(await press('cover/-', 'Set Position', options), { code: -32_000 })
  }
  t.match(await press('light/-', 'Set Color', { color: 'green' }), { code: -32_000 })
  const slider = await call('cmd::byId', { id: await commandId('light/-', 'Set Brightness') })
  t.match(slider.result, { subType: 'slider', configuration: { minValue: '0', maxValue: '100' } })
  await report('button/-', {})
  await events.next(({ name, option }) => name === 'eqLogic::update' && Object(option).enable)
  let id: string | undefined
  while (id === undefined) id = await commandId('button/-', 'Press')
  t.same(await press('button/-', 'Press'), ['button', {}])
})
