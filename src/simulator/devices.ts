/** Gives numbers from 0 up to, but not including, 1, as `Math.random` does. */
export type Random = () => number

/** What a device reports on its own topic. */
export type Reading = Readonly<Record<string, unknown>>

export interface Sensor {
  readonly kind: 'sensor'
  reading(): Reading
  /** Lets some time go by: the measured values move a little. */
  advance(random: Random): void
}

export interface Actuator {
  readonly kind: 'actuator'
  reading(): Reading
  /** The states it can take, in words for a message. */
  readonly states: string
  /** Takes `state` and answers true, or answers false and stays as it is. */
  switchTo(state: unknown): boolean
  /** A state it can take that is not `state`. */
  otherThan(state: unknown): unknown
}

interface Quantity {
  readonly name: string
  readonly unit: string
  readonly start: number
  readonly low: number
  readonly high: number
  /** How far the value moves at most from one report to the next. */
  readonly step: number
}

export type Device = Sensor | Actuator

/** The devices of a node by name, in the order a node lists them. */
export function createDevices(): ReadonlyMap<string, Device> {
  return new Map<string, Device>([
    ['thermometer/i2c0-48', createMeter([temperature(20.01)])],
    ['thermometer/i2c1-48', createMeter([temperature(21.5)])],
    ['humidity-sensor/i2c0-5f', createMeter([relativeHumidity])],
    ['lux-meter/i2c0-44', createMeter([illuminance])],
    ['barometer/i2c0-60', createMeter([pressure, altitude])],
    ['co2-sensor/i2c0-38', createMeter([concentration])],
    ['pir/-', createMotionDetector()],
    ['relay/i2c0-3b', createRelay()],
    ['relay/i2c0-3f', createRelay()],
    ['led/-', createLed()],
  ])
}

function temperature(start: number): Quantity {
  return { name: 'temperature', unit: '℃', start, low: 17, high: 27, step: 0.08 }
}

const relativeHumidity: Quantity = {
  name: 'relative-humidity',
  unit: '%',
  start: 45.2,
  low: 30,
  high: 65,
  step: 0.4,
}

const illuminance: Quantity = {
  name: 'illuminance',
  unit: 'lux',
  start: 320,
  low: 80,
  high: 900,
  step: 12,
}

const pressure: Quantity = {
  name: 'pressure',
  unit: 'kPa',
  start: 101.3,
  low: 99,
  high: 103,
  step: 0.02,
}

const altitude: Quantity = {
  name: 'altitude',
  unit: 'm',
  start: 2.1,
  low: -140,
  high: 200,
  step: 0.5,
}

const concentration: Quantity = {
  name: 'concentration',
  unit: 'ppm',
  start: 650,
  low: 400,
  high: 1500,
  step: 15,
}

function createMeter(quantities: readonly Quantity[]): Sensor {
  const values = new Map(quantities.map((quantity) => [quantity, quantity.start]))
  return {
    kind: 'sensor',
    reading: () =>
      Object.fromEntries(
        [...values].map(([{ name, unit }, value]) => [name, [Number(value.toFixed(2)), unit]]),
      ),
    advance: (random) => {
      for (const [quantity, value] of values) {
        const moved = value + (2 * random() - 1) * quantity.step
        values.set(quantity, Math.min(quantity.high, Math.max(quantity.low, moved)))
      }
    },
  }
}

/** How likely somebody walks past between two reports. */
const motionProbability = 0.2

function createMotionDetector(): Sensor {
  let eventCount = 0
  return {
    kind: 'sensor',
    reading: () => ({ 'event-count': eventCount }),
    advance: (random) => {
      if (random() < motionProbability) eventCount++
    },
  }
}

function createRelay(): Actuator {
  let state = false
  return {
    kind: 'actuator',
    reading: () => ({ state }),
    states: 'true or false',
    switchTo: (asked) => {
      if (typeof asked !== 'boolean') return false
      state = asked
      return true
    },
    otherThan: (told) => told !== true,
  }
}

const ledStates: readonly unknown[] = ['off', 'on', '1-dot', '2-dot', '3-dot']

function createLed(): Actuator {
  let state: unknown = 'off'
  return {
    kind: 'actuator',
    reading: () => ({ state }),
    states: ledStates.join(', '),
    switchTo: (asked) => {
      if (!ledStates.includes(asked)) return false
      state = asked
      return true
    },
    otherThan: (told) => (told === 'off' ? 'on' : 'off'),
  }
}
