/** What hardware is made of, whatever it speaks: things with a state, which obey, and on which time leaves its marks. */

/** What a part is and measures at one moment, in plain words: a convention has its own for it. */
export type Values = Readonly<Record<string, Value>>

type Value = boolean | number | string

/** Gives numbers from 0 up to, but not including, 1, as `Math.random` does. */
export type Random = () => number

/** A while that has gone by. */
export interface Passing {
  readonly seconds: number
  /** The hour of the day by now, 0 to 24. */
  readonly hour: number
  readonly random: Random
}

/** What a value that can be set may be. */
interface Domain {
  /** For people. */
  readonly expected: string
  /** Where it is one of some words. */
  readonly words?: readonly string[]
  /** `value` as it is set, and another value that can be set as well; undefined for what cannot. */
  read(value: unknown): readonly [asked: Value, other: Value] | undefined
}

/** The states it passes, the last being the one that was asked for; and those on the way to another one. */
export interface Course {
  readonly way: readonly Values[]
  readonly otherWay: readonly Values[]
}

type PartKind =
  | 'relay'
  | 'light'
  | 'cover'
  | 'fan'
  | 'climate'
  | 'led'
  | 'meter'
  | 'pir'
  | 'motion'
  | 'contact'

interface Design {
  readonly name: string
  readonly kind: PartKind
  readonly values: Values
  /** What can be set. */
  readonly accepts?: Readonly<Record<string, Domain>>
  /** What it passes through on the way from where it is to where it is to be, both left out. */
  readonly between?: (from: Values, to: Values) => readonly Values[]
  /** What follows of what was set, such as the power of a lamp. */
  readonly settled?: (values: Values) => Values
  readonly passed?: (values: Values, passing: Passing) => Values
  /** What somebody in the house sets it to, who comes by. */
  readonly byHand?: (values: Values) => Values
}

/** A part of a simulated node. */
export class NodePart {
  readonly name: string
  readonly kind: PartKind
  readonly #design: Design
  #values: Values

  constructor(design: Design) {
    this.name = design.name
    this.kind = design.kind
    this.#design = design
    this.#values = design.values
  }

  get values(): Values {
    return this.#values
  }

  /** Whether it can be told to do something. */
  get obeys(): boolean {
    return this.#design.accepts !== undefined
  }

  /** Whether it changes by itself as time goes by. */
  get isLive(): boolean {
    return this.#design.passed !== undefined
  }

  /** Whether `key` of its values can be set. */
  sets(key: string): boolean {
    return this.#design.accepts?.[key] !== undefined
  }

  /** What `key` can be set to, where that is one of some words. */
  wordsOf(key: string): readonly string[] | undefined {
    return this.#design.accepts?.[key]?.words
  }

  /** What somebody who comes by makes of it; undefined where nobody would touch it. */
  byHand(): Values | undefined {
    return this.#design.byHand?.(this.#values)
  }

  /** What it can be told, for people: `state (true or false)`. */
  get expected(): string {
    const all = Object.entries(this.#design.accepts ?? {})
    return all.map(([key, domain]) => `${key} (${domain.expected})`).join(', ')
  }

  /** Where it goes when it is told `asked`; undefined when it cannot do that. */
  course(asked: Readonly<Record<string, unknown>>): Course | undefined {
    const entries = Object.entries(asked).map(([key, value]) => {
      return [key, this.#setting(key, value)] as const
    })
    const settings = entries.flatMap(([key, setting]) => (setting ? [[key, setting] as const] : []))
    if (settings.length === 0 || settings.length < entries.length) return undefined
    const each = (at: 0 | 1) => Object.fromEntries(settings.map(([key, both]) => [key, both[at]]))
    return { way: this.#wayTo(each(0)), otherWay: this.#wayTo(each(1)) }
  }

  /** What a key is set to, and what it could be set to as well. */
  #setting(key: string, value: unknown): readonly [asked: Value, other: Value] | undefined {
    return this.#design.accepts?.[key]?.read(value)
  }

  #wayTo(settings: Values): readonly Values[] {
    const { between, settled = asTheyAre } = this.#design
    const to = settled({ ...this.#values, ...settings })
    return [...(between?.(this.#values, to) ?? []), to]
  }

  /** It is so by now. */
  take(values: Values): void {
    this.#values = values
  }

  /** Lets some time go by. */
  pass(passing: Passing): void {
    this.#values = this.#design.passed?.(this.#values, passing) ?? this.#values
  }
}

function asTheyAre(values: Values): Values {
  return values
}

const onOrOff: Domain = {
  expected: 'true or false',
  read: (value) => (typeof value === 'boolean' ? [value, !value] : undefined),
}

const color: Domain = {
  expected: 'RRGGBB',
  read: (value) => {
    if (typeof value !== 'string' || !/^[0-9A-F]{6}$/i.test(value)) return undefined
    const written = value.toUpperCase()
    return [written, written === 'FF0000' ? '0000FF' : 'FF0000']
  },
}

function range(low: number, high: number): Domain {
  return {
    expected: `${low} to ${high}`,
    read: (value) => {
      const isIn = typeof value === 'number' && value >= low && value <= high
      return isIn ? [value, value - low > high - value ? low : high] : undefined
    },
  }
}

function oneOf(first: string, ...others: readonly string[]): Domain {
  const words = [first, ...others]
  const [second = first] = others
  return {
    ...{ expected: words.join(', '), words },
    read: (value) => {
      const word = words.find((each) => each === value)
      return word === undefined ? undefined : [word, word === first ? second : first]
    },
  }
}

// --- what there is ---

function switched({ state }: Values): Values {
  return { state: state !== true }
}

/** A relay; with `watts` it measures what flows through it. */
export function relay(name: string, watts?: number): NodePart {
  const common = { name, kind: 'relay', accepts: { state: onOrOff }, byHand: switched } as const
  if (watts === undefined) return new NodePart({ ...common, values: { state: false } })
  const powered = ({ state }: Values, load: number) => (state === true ? load : 0)
  return new NodePart({
    ...common,
    values: { state: false, power: 0, energy: 12.4 },
    settled: (values) => ({ ...values, power: powered(values, watts) }),
    passed: (values, { seconds, random }) => {
      const power = rounded(powered(values, watts * (0.97 + 0.06 * random())), 1)
      const energy = Number(values['energy']) + (power * seconds) / 3_600_000
      return { ...values, power, energy: rounded(energy, 5) }
    },
  })
}

/** What a lamp can do beside being switched on and off. */
const lampSettings = {
  brightness: { domain: range(1, 100), start: 60 },
  mired: { domain: range(153, 500), start: 370 },
  color: { domain: color, start: 'FFB46B' },
} as const

/** A lamp with some of `brightness` in percent, `mired`, and `color`. */
export function lamp(name: string, settings: readonly (keyof typeof lampSettings)[]): NodePart {
  const has = settings.map((key) => [key, lampSettings[key]] as const)
  return new NodePart({
    ...{ name, kind: 'light', byHand: switched },
    values: {
      state: false,
      ...Object.fromEntries(has.map(([key, { start }]) => [key, start])),
    },
    accepts: {
      state: onOrOff,
      ...Object.fromEntries(has.map(([key, { domain }]) => [key, domain])),
    },
  })
}

/** So far a blind moves from one report to the next. */
const blindStep = 20

/** A blind: `position` in percent, 100 is open; it stops where it is by `moving: ''`. */
export function blind(name: string, position = 0): NodePart {
  return new NodePart({
    ...{ name, kind: 'cover' },
    values: { position, moving: '' },
    accepts: { position: range(0, 100), moving: oneOf('') },
    settled: (values) => ({ ...values, moving: '' }),
    byHand: (values) => ({ position: Number(values['position']) < 50 ? 100 : 0 }),
    between: ({ position: from }, { position: to }) => {
      const way = Number(to) - Number(from)
      const steps = Math.ceil(Math.abs(way) / blindStep)
      return Array.from({ length: steps }, (_, step) => ({
        position: Number(from) + Math.sign(way) * blindStep * step,
        moving: way > 0 ? 'opening' : 'closing',
      }))
    },
  })
}

export function ventilator(name: string): NodePart {
  const accepts = { state: onOrOff, speed: range(0, 100) } as const
  return new NodePart({
    name,
    kind: 'fan',
    values: { state: false, speed: 33 },
    accepts,
    byHand: switched,
  })
}

/** A heating: `mode` is `off` or `heat`, `setpoint` in °C, `action` says what it does. */
export function heating(name: string): NodePart {
  const acting = (values: Values): Values => {
    const isCold = Number(values['temperature']) < Number(values['setpoint'])
    return { ...values, action: values['mode'] === 'heat' && isCold ? 'heating' : 'idle' }
  }
  return new NodePart({
    ...{ name, kind: 'climate' },
    values: { mode: 'heat', setpoint: 21, temperature: 20.2, action: 'heating' },
    accepts: { mode: oneOf('off', 'heat'), setpoint: range(5, 30) },
    settled: acting,
    byHand: ({ setpoint }) => ({ setpoint: setpoint === 21 ? 22.5 : 21 }),
    passed: (values, { seconds, random }) => {
      // A room warms by a degree in ten minutes, and cools slower.
      const change = values['action'] === 'heating' ? seconds / 600 : -seconds / 3600
      const temperature = Number(values['temperature']) + change + (random() - 0.5) * 0.02
      return acting({ ...values, temperature: rounded(Math.max(15, temperature), 2) })
    },
  })
}

export function led(name: string): NodePart {
  return new NodePart({
    name,
    kind: 'led',
    values: { state: 'off' },
    accepts: { state: oneOf('off', 'on', '1-dot', '2-dot', '3-dot') },
  })
}

/** Something that is measured. */
export interface Quantity {
  readonly start: number
  readonly low: number
  readonly high: number
  /** How far it moves by chance at most from one report to the next. */
  readonly step: number
  /** By how much the day takes it up and down: most at three in the afternoon. */
  readonly swing?: number
}

const indoors: Quantity = { start: 21, low: 17, high: 27, step: 0.08, swing: 1.2 }

/** What can be measured, in °C, %, lux, ppm, hPa, m, W, V and litres. */
export const quantities = {
  temperature: indoors,
  outdoors: { start: 9, low: -15, high: 35, step: 0.15, swing: 6 },
  humidity: { start: 45.2, low: 30, high: 65, step: 0.4, swing: -5 },
  illuminance: { start: 320, low: 0, high: 900, step: 12, swing: 300 },
  co2: { start: 650, low: 400, high: 1500, step: 15 },
  pressure: { start: 1013, low: 990, high: 1030, step: 0.2 },
  battery: { start: 87, low: 5, high: 100, step: 0 },
  voltage: { start: 3.02, low: 2, high: 3.3, step: 0 },
} satisfies Record<string, Quantity>

/** What measures, by name. Over half an hour its values come back to what the hour makes of them. */
export function meter(name: string, measures: Readonly<Record<string, Quantity>>): NodePart {
  const all = Object.entries(measures)
  const values = Object.fromEntries(all.map(([key, { start }]) => [key, start]))
  /** Not rounded, or small steps would be lost. */
  const exact = new Map(Object.entries(values))
  return new NodePart({
    ...{ name, kind: 'meter', values },
    passed: (_values, passing) => {
      for (const [key, quantity] of all)
        exact.set(key, moved(Number(exact.get(key)), quantity, passing))
      return Object.fromEntries([...exact].map(([key, value]) => [key, rounded(value, 2)]))
    },
  })
}

const halfAnHourSeconds = 1800

function moved(
  value: number,
  { start, low, high, step, swing }: Quantity,
  { seconds, hour, random }: Passing,
): number {
  const chance = (2 * random() - 1) * step
  const aim = start + (swing ?? 0) * Math.cos(((hour - 15) / 24) * 2 * Math.PI)
  const pull = swing === undefined ? 0 : (aim - value) * Math.min(1, seconds / halfAnHourSeconds)
  return Math.min(high, Math.max(low, value + chance + pull))
}

/** How likely somebody comes, or goes, between two reports. */
const motionProbability = 0.2

/** Counts who passes. */
export function counter(name: string): NodePart {
  return new NodePart({
    ...{ name, kind: 'pir', values: { count: 0 } },
    passed: ({ count }, { random }) => ({
      count: Number(count) + (random() < motionProbability ? 1 : 0),
    }),
  })
}

/** Tells whether somebody moves, or whether a door is open. */
export function detector(name: string, kind: 'motion' | 'contact'): NodePart {
  return new NodePart({
    ...{ name, kind, values: { state: false } },
    passed: ({ state }, { random }) => ({
      state: random() < motionProbability ? state !== true : state === true,
    }),
  })
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}
