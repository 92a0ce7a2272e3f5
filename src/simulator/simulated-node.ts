import { type ErrorCode, quote } from '../core/errors.ts'
import { fieldOf } from '../core/json.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import { joinTopic, relativeTopic } from '../core/topic.ts'

/** Calls `tick` every `intervalMs` until the returned function is called. */
type Every = (intervalMs: number, tick: () => void) => () => void

export interface SimulatedNodeSurroundings {
  /** What every topic of the node starts with; empty for none. */
  readonly base: string
  /** How often each sensor reports until it is told otherwise. */
  readonly publishIntervalMs: number
  readonly publish: (message: Message) => void
  readonly every: Every
  readonly random: Random
  /** Hears in one sentence why a message was not obeyed; its sender hears nothing. */
  readonly onDropped: (sentence: string) => void
  readonly faults?: NodeFaults
}

/** What a node listens to, below its base. */
export const commandFilters = ['+/+/set', '+/+/get', '+/+/config/+'] as const

/** Faster than ten times a second no sensor reports; slower than daily none is of use. */
const intervalSeconds = { shortest: 0.1, longest: 86_400 }

/**
 * A hardware node that speaks Clown.Talk: sensors that report by themselves, actuators that obey and
 * then report. It knows no connection: messages come in by `receive` and go out by `publish`.
 */
export class SimulatedNode {
  readonly #around: SimulatedNodeSurroundings
  readonly #devices = createDevices()
  readonly #faults: NodeFaults
  readonly #stopReporting = new Map<string, () => void>()
  /** What was put off, by the functions that call it off. */
  readonly #putOff = new Set<() => void>()
  /** Call off the rest of the way to the state that was asked for last. */
  readonly #stopFlapping = new Map<string, () => void>()
  #booted = false

  constructor(surroundings: SimulatedNodeSurroundings) {
    this.#around = surroundings
    this.#faults = surroundings.faults ?? {}
  }

  /**
   * Publishes every device's present value; call it on each new connection. The first call also
   * announces the boot and starts the sensors' reports.
   */
  announce(): void {
    if (!this.#booted) this.#boot()
    for (const [name, device] of this.#devices) this.#report(name, device)
  }

  /** Obeys the message if it is a command to this node; never throws, whatever the bytes. */
  receive(topic: string, payload: Payload): void {
    const { isDeaf = false, lateMs } = this.#faults
    if (isDeaf) return
    const obey = () => {
      const reason = this.#obey(topic, payload)
      if (reason !== undefined) this.#around.onDropped(reason)
    }
    if (lateMs === undefined) obey()
    else this.#after(lateMs, obey)
  }

  /** Ends the reports. */
  close(): void {
    for (const stop of [...this.#stopReporting.values(), ...this.#putOff]) stop()
  }

  /** Calls `act` once, unless the returned function is called before that. */
  #after(delayMs: number, act: () => void): () => void {
    const callOff = () => {
      stop()
      this.#putOff.delete(callOff)
    }
    const stop = this.#around.every(delayMs, () => {
      callOff()
      act()
    })
    this.#putOff.add(callOff)
    return callOff
  }

  #boot(): void {
    this.#booted = true
    this.#publish('boot', { 'reason-for-reset': 'power-on' })
    for (const [name, device] of this.#devices) {
      if (device.kind === 'sensor') this.#reportEvery(this.#around.publishIntervalMs, name, device)
    }
  }

  /** Obeys, or returns why not. So do the functions for one kind of command each. */
  #obey(topic: string, payload: Payload): string | undefined {
    const [kind, address, ...verb] = (relativeTopic(this.#around.base, topic) ?? '').split('/')
    const name = `${kind}/${address}`
    switch (verb.join('/')) {
      case 'set':
        return this.#set(name, payload)
      case 'get':
        return this.#get(name)
      // The pages say config/set, the last firmware says config/update.
      case 'config/set':
      case 'config/update':
        return this.#configure(name, payload)
      case 'config/list':
        return this.#list(name)
      // The node's own answers, which its own filter config/+ brings back.
      case 'config/ok':
      case 'config/error':
        return undefined
      default:
        return `expected a command to this node, got topic ${quote(topic)}`
    }
  }

  #set(name: string, payload: Payload): string | undefined {
    const device = this.#devices.get(name)
    if (device?.kind !== 'actuator') return notOurs('an actuator', name)
    const asked = fieldOf(payload.value, 'state')
    if (!device.switchTo(asked)) {
      return `expected a state of ${name} (${device.states}), got ${quote(payload.jsonText)}`
    }
    this.#stopFlapping.get(name)?.()
    this.#walk(name, device, courseTo(asked, device, this.#faults))
    return undefined
  }

  /** Takes each of `states` and tells it, one after the other. */
  #walk(name: string, device: Actuator, [state, ...later]: readonly unknown[]): void {
    device.switchTo(state)
    this.#report(name, device)
    if (this.#faults.isTwice === true) this.#report(name, device)
    if (later.length === 0) return
    const next = () => this.#walk(name, device, later)
    this.#stopFlapping.set(name, this.#after(flapIntervalMs, next))
  }

  #get(name: string): string | undefined {
    const device = this.#devices.get(name)
    if (device === undefined) return notOurs('a device', name)
    this.#report(name, device)
    return undefined
  }

  #configure(name: string, payload: Payload): string | undefined {
    // An introduction is for the hub, which answers it.
    if (name === 'clown.talk/-') return undefined
    const device = this.#devices.get(name)
    if (device === undefined) return notOurs('a device', name)
    const seconds = fieldOf(payload.value, 'publish-interval')
    if (device.kind === 'sensor' && isPublishInterval(seconds)) {
      this.#reportEvery(seconds * 1000, name, device)
      this.#publish(`${name}/config/ok`, { 'publish-interval': seconds })
    } else {
      const code: ErrorCode = 'bad-payload'
      const message = `expected publish-interval ${expectedInterval(device)}, got `
      this.#publish(`${name}/config/error`, { code, message: message + quote(payload.jsonText) })
    }
    return undefined
  }

  #list(name: string): string | undefined {
    if (name !== '-/-') return notOurs('-/-', name)
    this.#publish('-/-/config/ok', {
      sensors: this.#namesOf('sensor'),
      actuators: this.#namesOf('actuator'),
      notifications: ['boot'],
    })
    return undefined
  }

  #namesOf(kind: Device['kind']): string[] {
    return [...this.#devices].filter(([, device]) => device.kind === kind).map(([name]) => name)
  }

  #reportEvery(intervalMs: number, name: string, sensor: Sensor): void {
    this.#stopReporting.get(name)?.()
    const stop = this.#around.every(intervalMs, () => {
      sensor.advance(this.#around.random)
      this.#report(name, sensor)
    })
    this.#stopReporting.set(name, stop)
  }

  #report(name: string, device: Device): void {
    // An actuator's report is a state, not an event: whoever comes later must find it.
    const isState = device.kind === 'actuator'
    this.#publish(name, device.reading(), { qos: isState ? 1 : 0, retain: isState })
  }

  #publish(topic: string, value: unknown, delivery: Delivery = { qos: 0, retain: false }): void {
    const payload = Payload.ofJson(JSON.stringify(value), value)
    this.#around.publish({ topic: joinTopic(this.#around.base, topic), payload, ...delivery })
  }
}

type Delivery = Pick<Message, 'qos' | 'retain'>

function isPublishInterval(seconds: unknown): seconds is number {
  const { shortest, longest } = intervalSeconds
  return typeof seconds === 'number' && seconds >= shortest && seconds <= longest
}

function expectedInterval({ kind }: Device): string {
  return kind === 'sensor'
    ? `of ${intervalSeconds.shortest} to ${intervalSeconds.longest} seconds`
    : 'only for a sensor, this is an actuator'
}

function notOurs(expected: string, name: string): string {
  return `expected ${expected} of this node, got ${quote(name)}`
}

/** What a simulated node does wrong on purpose. */
export interface NodeFaults {
  /** It hears whatever it is told so much later. */
  readonly lateMs?: number
  /** It hears nothing; its sensors report as ever. */
  readonly isDeaf?: boolean
  /** It tells another state than the one it was asked for. */
  readonly isLying?: boolean
  /** It tells each state that a command led to twice. */
  readonly isTwice?: boolean
  /** It goes back and forth before it settles in the state it was asked for. */
  readonly isFlapping?: boolean
}

/** A pause in which a hub can act on a state before the next one comes. */
const flapIntervalMs = 100

/** How often a flapping actuator goes back. */
const flaps = 2

/** The states that `actuator` tells one after the other when it was asked for `asked`. */
function courseTo(
  asked: unknown,
  actuator: Actuator,
  { isLying = false, isFlapping = false }: NodeFaults,
): readonly [unknown, ...unknown[]] {
  const last = isLying ? actuator.otherThan(asked) : asked
  const flap = [actuator.otherThan(last), last]
  return [last, ...(isFlapping ? new Array(flaps).fill(flap).flat() : [])]
}

/** Gives numbers from 0 up to, but not including, 1, as `Math.random` does. */
export type Random = () => number

/** What a device reports on its own topic. */
type Reading = Readonly<Record<string, unknown>>

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
  /** Takes `state` and returns true, or returns false and stays as it is. */
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

type Device = Sensor | Actuator

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
  return quantity('temperature', '℃', { start, low: 17, high: 27, step: 0.08 })
}

function quantity(name: string, unit: string, range: Omit<Quantity, 'name' | 'unit'>): Quantity {
  return { name, unit, ...range }
}

const relativeHumidity = quantity('relative-humidity', '%', {
  start: 45.2,
  low: 30,
  high: 65,
  step: 0.4,
})
const illuminance = quantity('illuminance', 'lux', { start: 320, low: 80, high: 900, step: 12 })
const pressure = quantity('pressure', 'kPa', { start: 101.3, low: 99, high: 103, step: 0.02 })
const altitude = quantity('altitude', 'm', { start: 2.1, low: -140, high: 200, step: 0.5 })
const concentration = quantity('concentration', 'ppm', {
  start: 650,
  low: 400,
  high: 1500,
  step: 15,
})

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
