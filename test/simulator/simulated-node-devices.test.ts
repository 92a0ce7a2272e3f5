import t from 'tap'
import {
  type Actuator,
  createDevices,
  type Random,
  type Sensor,
} from '../../src/simulator/simulated-node.ts'

function createSensors(): Sensor[] {
  return [...createDevices().values()].filter((device) => device.kind === 'sensor')
}

function sensorNamed(name: string): Sensor {
  const device = createDevices().get(name)
  if (device?.kind !== 'sensor') throw new Error(`expected ${name} to be a sensor`)
  return device
}

function actuatorNamed(name: string): Actuator {
  const device = createDevices().get(name)
  if (device?.kind !== 'actuator') throw new Error(`expected ${name} to be an actuator`)
  return device
}

/** The readings after each of `rounds` moves, as [value, unit] pairs one after the other. */
function readingsOver(rounds: number, random: Random): unknown[][] {
  const sensors = createSensors()
  return Array.from({ length: rounds }, () => {
    for (const sensor of sensors) sensor.advance(random)
    return sensors.flatMap((sensor) => Object.values(sensor.reading())).filter(Array.isArray)
  })
}

t.test('sensor values stop at plausible bounds', async (t) => {
  const units = ['℃', '℃', '%', 'lux', 'kPa', 'm', 'ppm']
  const withUnits = (values: number[]) => values.map((value, at) => [value, units[at]])
  const lowest = readingsOver(700, () => 0).at(-1)
  t.same(lowest, withUnits([17, 17, 30, 80, 99, -140, 400]))
  const highest = readingsOver(700, () => 1).at(-1)
  t.same(highest, withUnits([27, 27, 65, 900, 103, 200, 1500]))
})

t.test('sensor values move slowly, and have two decimals at most', async (t) => {
  const rounds = readingsOver(500, Math.random)
  t.notSame(rounds[0], rounds.at(-1))
  t.notMatch(JSON.stringify(rounds), /\.\d{3}/)
  const temperatures = rounds.map(([first]) => Number(Object(first)[0]))
  const steps = temperatures.slice(1).map((value, at) => Math.abs(value - (temperatures[at] ?? 0)))
  t.ok(Math.max(...steps) < 0.1)
})

t.test('a motion detector counts now and then, and never back', async (t) => {
  const detector = sensorNamed('pir/-')
  const counts = [0.9, 0.1, 0.5, 0].map((chance) => {
    detector.advance(() => chance)
    return detector.reading()['event-count']
  })
  t.same(counts, [0, 1, 1, 2])
})

t.test('a led takes its five states and no other', async (t) => {
  const led = actuatorNamed('led/-')
  for (const state of ['on', '1-dot', '2-dot', '3-dot', 'off']) {
    t.ok(led.switchTo(state))
    t.same(led.reading(), { state })
  }
  for (const state of ['4-dot', 'ON', '', true, 1, null, undefined, ['on']]) {
    t.notOk(led.switchTo(state), String(state))
    t.same(led.reading(), { state: 'off' })
  }
})

t.test('a relay takes true and false and no other state', async (t) => {
  const relay = actuatorNamed('relay/i2c0-3b')
  t.ok(relay.switchTo(true))
  for (const state of ['false', 0, null, undefined, [false], {}]) t.notOk(relay.switchTo(state))
  t.same(relay.reading(), { state: true })
  t.ok(relay.switchTo(false))
  t.same(relay.reading(), { state: false })
})
