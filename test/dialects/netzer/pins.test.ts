import t, { type Test } from 'tap'
import type { ModelRow } from '../../../src/dialects/model-row.ts'
import { rowsOf } from '../../../src/dialects/model-table.ts'
import { openPins, readPin, saidAfter, writePin } from '../../../src/dialects/netzer/pins.ts'
import type { SeenDevice } from '../../../src/nodes/served/seen-devices.ts'
import { changingDevices, deviceNamed, seenDevice } from '../seen-device.ts'
import { type Entry, servedContext } from '../served-context.ts'

const base = 'nodes/bridge/0'

async function opened(t: Test, devices: readonly SeenDevice[], netzer: Entry['netzer'] = {}) {
  const changing = changingDevices(...devices)
  const entry = { dialect: 'netzer', port: 0, base, netzer } as const
  const { context, counters } = await servedContext(t, entry, changing.seen)
  return { pins: await openPins(context), context, changing, counters }
}

const placed = (pins: Awaited<ReturnType<typeof openPins>>) =>
  pins.all().map(({ index, topic }) => `${index} ${topic.slice(base.length + 1)}`)

t.test('kinds of devices have their own pins, and what is left over shares the rest', async (t) => {
  const names = [
    'thermometer/i2c0-48',
    'thermometer/i2c1-48',
    'display-oled/i2c0-3c',
    'humidity-sensor/i2c0-5f',
    'lux-meter/i2c0-44',
    'barometer/i2c0-60',
    'co2-sensor/i2c0-38',
    'pir/-',
    'relay/i2c0-3b',
    'relay/i2c0-3f',
    'relay/i2c0-3c',
    'led/-',
  ]
  const { pins } = await opened(
    t,
    names.map((name, at) => deviceNamed(at, name)),
  )
  t.same(placed(pins).sort(), [
    '0 relay/i2c0-3b',
    '1 relay/i2c0-3f',
    '2 pir/-',
    '3 led/-',
    '4 thermometer/i2c0-48',
    '5 humidity-sensor/i2c0-5f',
    '6 lux-meter/i2c0-44',
    '7 barometer/i2c0-60',
    '8 co2-sensor/i2c0-38',
    '9 thermometer/i2c1-48',
    'a relay/i2c0-3c',
  ])
  t.equal(pins.at('0')?.topic, `${base}/relay/i2c0-3b`)
  t.equal(pins.at('b'), undefined)
  t.same(
    pins.of(`${base}/led/-`).map(({ index }) => index),
    ['3'],
  )
  t.same(pins.at('4')?.scale, { lowest: -20, highest: 60 })
})

t.test('a device keeps its pin, also over a restart, and while it is gone', async (t) => {
  const first = deviceNamed(5, 'relay/b')
  const { pins, context, changing } = await opened(t, [first])
  changing.tell('added', deviceNamed(3, 'relay/a'))
  changing.tell('reported', deviceNamed(3, 'relay/a'))
  t.same(placed(pins), ['0 relay/b', '1 relay/a'])
  changing.tell('deleted', first)
  pins.close()
  t.equal(changing.listeners.size, 0)
  // What was written before has come to the store when this has.
  await context.store.write([{ key: 'end', value: Buffer.from('') }])
  const again = await openPins(context)
  t.same(placed(again), ['0 relay/b', '1 relay/a'])
})

t.test('a spare part is on the pin of what it replaces', async (t) => {
  const [old, spare] = [deviceNamed(1, 'relay/a'), deviceNamed(2, 'relay/b')]
  const { pins, context, changing } = await opened(t, [old, spare])
  changing.tell('labelled', { ...old, number: 2, firstTopic: spare.topic })
  changing.tell('labelled', { ...spare, number: 1, firstTopic: old.topic })
  t.same(placed(pins), ['0 relay/b', '1 relay/a'])
  pins.close()
  t.same(placed(await openPins(context)), ['0 relay/b', '1 relay/a'])
  const netzer = { ...context.settings.netzer, pins: { 5: { device: 'relay/a' } } }
  const settings = { ...context.settings, netzer }
  const named = await openPins({ ...context, settings })
  t.same(placed(named), ['5 relay/b'])
  changing.tell('labelled', old)
  changing.tell('reported', old)
  t.same(placed(named), ['5 relay/a'])
  named.close()
})

t.test('with no pin left, one whose device is gone goes to another', async (t) => {
  const names = [...'abcdefgh'].map((name, at) => deviceNamed(at + 1, `relay/${name}`))
  const { pins, changing } = await opened(t, names)
  t.equal(pins.all().length, 6)
  t.equal(pins.of(`${base}/relay/h`).length, 0)
  changing.tell('deleted', deviceNamed(2, 'relay/b'))
  changing.tell('added', deviceNamed(9, 'relay/i'))
  t.equal(pins.at('1')?.topic, `${base}/relay/i`)
})

t.test('pins that cannot be read or written are given anew, and counted', async (t) => {
  const { context, changing, counters } = await opened(t, [deviceNamed(1, 'relay/a')])
  for (const text of ['{', '[]', '{"0":1,"1":"nodes/bridge/0/clock/x","z":"a/b"}']) {
    const key = 'dialect/netzer/pins/nodes/bridge/0'
    await context.store.write([{ key, value: Buffer.from(text) }])
    t.same(placed(await openPins(context)), ['0 relay/a'])
  }
  const full = { ...context.store, write: () => Promise.reject(new Error('disk full')) }
  const pins = await openPins({ ...context, store: full })
  changing.tell('added', deviceNamed(2, 'relay/b'))
  t.same(placed(pins), ['0 relay/a', '1 relay/b'])
  await Promise.resolve()
  t.ok(Number(counters.snapshot()['pins-not-written']) >= 1)
})

t.test('the configuration says which device is on which pin', async (t) => {
  const { pins, changing } = await opened(t, [deviceNamed(1, 'relay/a')], {
    pins: {
      '5': { device: 'relay/a' },
      '6': { device: 'thermometer/x', lowest: 0 },
      '7': { device: 'barometer/x', quantity: 'altitude', lowest: 0, highest: 4000 },
      '8': { device: 'barometer/x' },
    },
  })
  changing.tell('added', deviceNamed(2, 'relay/b'))
  t.same(placed(pins), ['5 relay/a', '6 thermometer/x', '7 barometer/x', '8 barometer/x'])
  t.same(pins.at('6')?.scale, { lowest: 0, highest: 60 })
  t.same(pins.at('7')?.scale, { lowest: 0, highest: 4000 })
  t.equal(pins.at('8')?.row.key, 'pressure')
  t.equal(pins.at('5')?.scale, undefined)
  pins.close()
})

t.test('a pin that could never say anything is an error of the configuration', async (t) => {
  const refused = (pin: NonNullable<NonNullable<Entry['netzer']>['pins']>[string]) =>
    opened(t, [], { pins: { '0': pin } })
  const place = 'netzer.pins.0 of dialect netzer'
  await t.rejects(refused({ device: 'display-oled/x' }), {
    code: 'bad-config',
    message: `expected ${place} to be a device of a kind that a pin can tell of, got display-oled`,
  })
  await t.rejects(refused({ device: 'barometer/x', quantity: 'depth' }), {
    message: `expected ${place} to be the quantity pressure, altitude, got depth`,
  })
  await t.rejects(refused({ device: 'barometer/x', quantity: 'altitude' }), {
    message: `expected ${place} to have "lowest" and a greater "highest", got nothing and nothing`,
  })
  await t.rejects(refused({ device: 'thermometer/x', lowest: 60 }), {
    message: `expected ${place} to have "lowest" and a greater "highest", got 60 and 60`,
  })
})

const somebody = { isPresent: () => true }
const nobody = { isPresent: () => false }

function rowOf(kind: string): ModelRow {
  const [row] = rowsOf(kind)
  if (row === undefined) throw new Error(`no row of ${kind}`)
  return row
}

t.test('what is switched is 0 or 1', async (t) => {
  const relay = { row: rowOf('relay') }
  t.equal(readPin(relay, seenDevice({ value: { state: true } }), nobody), '1')
  t.equal(readPin(relay, seenDevice({ value: { state: false } }), nobody), '0')
  const led = { row: rowOf('led') }
  t.equal(readPin(led, seenDevice({ value: { state: '2-dot' } }), nobody), '1')
  t.equal(readPin(led, seenDevice({ value: { state: 'off' } }), nobody), '0')
  const pir = { row: rowOf('pir') }
  t.equal(readPin(pir, seenDevice({ value: { 'event-count': 3 } }), somebody), '1')
  t.equal(readPin(pir, seenDevice({ value: { 'event-count': 3 } }), nobody), '0')
})

t.test('what is measured is 0 to 1023 of its scale, and no more', async (t) => {
  const thermometer = { row: rowOf('thermometer'), scale: { lowest: -20, highest: 60 } }
  const read = (celsius: number) =>
    readPin(thermometer, seenDevice({ value: { temperature: [celsius, '℃'] } }), nobody)
  t.equal(read(-20), '0')
  t.equal(read(60), '1023')
  t.equal(read(20), '512')
  t.equal(read(-40), '0')
  t.equal(read(99), '1023')
  const unscaled = { row: rowOf('thermometer') }
  t.equal(readPin(unscaled, seenDevice({ value: { temperature: [1, '℃'] } }), nobody), undefined)
})

t.test('nothing is said of what is not known, and of a node that is gone', async (t) => {
  const relay = { row: rowOf('relay') }
  t.equal(readPin(relay, seenDevice({ value: undefined }), nobody), undefined)
  t.equal(readPin(relay, seenDevice({ value: { state: 'on' } }), nobody), undefined)
  const away = seenDevice({ value: { state: true }, online: false })
  t.equal(readPin(relay, away, nobody), undefined)
})

t.test('0 and 1 command what can be switched, and nothing else does', async (t) => {
  t.same(writePin({ row: rowOf('relay') }, '1'), { state: true })
  t.same(writePin({ row: rowOf('relay') }, '0'), { state: false })
  t.same(writePin({ row: rowOf('led') }, '1'), { state: 'on' })
  t.same(writePin({ row: rowOf('led') }, '0'), { state: 'off' })
  t.equal(writePin({ row: rowOf('relay') }, '2'), undefined)
  t.equal(writePin({ row: rowOf('thermometer') }, '1'), undefined)
  t.equal(writePin({ row: rowOf('display-oled') }, '1'), undefined)
})

t.test('lights, covers and locks share the pins that are left, as 0 and 1', async (t) => {
  const devices = [
    deviceNamed(2, 'light/-', { value: { state: true, brightness: 50 } }),
    deviceNamed(3, 'cover/-', { value: { state: 'opening', position: 40 } }),
    deviceNamed(4, 'lock/-', { value: { state: 'unlocked' } }),
    deviceNamed(5, 'sensor/-', { value: { power: [5, 'W'] } }),
    deviceNamed(6, 'binary-sensor/-', { value: { state: true, door: [true, null] } }),
  ]
  const { pins } = await opened(t, devices)
  t.same(placed(pins), ['9 light/-', 'a cover/-', 'b lock/-', 'c binary-sensor/-'])
  const memory = { isPresent: () => false }
  const said = pins.all().map((pin) => {
    const device = devices.find(({ topic }) => topic === pin.topic)
    return device && readPin(pin, device, memory)
  })
  t.same(said, ['1', '1', '0', '1'])
  const written = (value: string) => pins.all().map((pin) => writePin(pin, value))
  t.same(written('1'), [{ state: true }, { state: 'open' }, { state: 'lock' }, undefined])
  t.same(written('0'), [{ state: false }, { state: 'close' }, { state: 'unlock' }, undefined])
})

t.test('a pin dims a light, moves a cover, and tells what else a device measures', async (t) => {
  const dimmed = deviceNamed(2, 'light/-', { value: { state: true, brightness: 50 } })
  const plug = deviceNamed(3, 'relay/-', { value: { state: true, power: [2.5, 'kW'] } })
  const { pins } = await opened(t, [dimmed, plug], {
    pins: {
      0: { device: 'light/-', quantity: 'brightness' },
      1: { device: 'relay/-', quantity: 'power', lowest: 0, highest: 5000 },
      2: { device: 'number/-', lowest: -10, highest: 10 },
    },
  })
  const [brightness, power, number] = pins.all()
  t.ok(brightness && power && number)
  if (!brightness || !power || !number) return
  const memory = { isPresent: () => false }
  t.equal(readPin(brightness, dimmed, memory), '512')
  t.equal(readPin(power, plug, memory), '512')
  t.same(writePin(brightness, '1023'), { brightness: 100 })
  t.same(writePin(brightness, '256'), { brightness: 25 })
  t.equal(saidAfter(brightness, '500'), '501', 'of 49 percent')
  t.equal(saidAfter({ row: rowOf('relay') }, '1'), '1')
  t.same(writePin(number, '0'), { value: -10 })
  t.equal(writePin(power, '5'), undefined)
  for (const value of ['1024', '-1', '1.5', '', 'x'])
    t.equal(writePin(brightness, value), undefined)
  t.equal(writePin({ row: brightness.row }, '5'), undefined, 'without a scale')
  await t.rejects(opened(t, [], { pins: { 0: { device: 'button/-' } } }), /of a kind that a pin/)
})
