/**
 * Tasmota, by its own discovery, or without (`old-module.ts`): `tasmota/discovery/<MAC>/config` says where a module listens and speaks
 * (`%prefix%/%topic%/`, in any order), and what it switches. Facts: tasmota.github.io/docs/MQTT and /Commands,
 * emontnemery/hatasmota.
 */
import { isRecord } from '../../core/json.ts'
import type {
  HeardMessage,
  MeasuredValue,
  Profile,
  ProfileHub,
} from '../../nodes/profiles/profile.ts'
import { type Module, moduleOf } from './module.ts'
import { findOldModules } from './old-module.ts'
import { type Part, partsOfModule } from './parts.ts'

/** What is open of a module. */
interface Known {
  readonly module: Module
  /** The config as it came: when it comes again nothing has changed. */
  readonly text: string
  readonly parts: readonly Part[]
  readonly sensors: Set<string>
  /** Which of its parts was asked last: what a module does not know is about that. */
  lastAsked: string | undefined
  isThere: boolean | null
}

export const tasmota: Profile = {
  name: 'tasmota',
  open: (hub) => {
    const modules = new Map<string, Known>()
    hub.claim('discovery', 'tasmota/discovery/+/config', ({ topic, payload }) => {
      const mac = macOf(topic)
      const text = payload.bytes.toString()
      if (modules.get(mac)?.text === text) return
      const module = moduleOf(mac, payload.value)
      if (module !== undefined) {
        forgetNameless(hub, modules, module)
        open(hub, modules, { module, text })
      } else if (text === '') close(hub, modules, mac)
      else hub.leaveOut(topic, 'expected a config of version 1 with this MAC, a topic and prefixes')
    })
    hub.claim('discovery', 'tasmota/discovery/+/sensors', ({ topic, payload: { value } }) => {
      const known = modules.get(macOf(topic))
      // What it measured when it started is not what it measures now.
      if (known !== undefined && isRecord(value)) declareSensors(hub, known, value['sn'])
    })
    findOldModules(hub, {
      isKnown: (telemetry) => at(modules, telemetry) !== undefined,
      found: (module) => open(hub, modules, { module, text: '' }),
    })
  },
}

/** The module that tells by topics that begin so. */
function at(modules: ReadonlyMap<string, Known>, telemetry: string): Known | undefined {
  return [...modules.values()].find(({ module }) => module.topics.telemetry === telemetry)
}

/** One that was known by its topic, and now says its address. */
function forgetNameless(
  hub: ProfileHub,
  modules: Map<string, Known>,
  { mac, topics }: Module,
): void {
  const other = at(modules, topics.telemetry)?.module.mac
  if (other !== undefined && other !== mac) close(hub, modules, other)
}

function macOf(topic: string): string {
  return topic.slice('tasmota/discovery/'.length, topic.lastIndexOf('/'))
}

function open(
  hub: ProfileHub,
  modules: Map<string, Known>,
  { module, text }: { readonly module: Module; readonly text: string },
): void {
  const { mac, topics } = module
  const before = modules.get(mac)
  hub.release(mac)
  const known: Known = {
    ...{ module, text, sensors: before?.sensors ?? new Set(), lastAsked: undefined },
    isThere: before?.isThere ?? null,
    parts: partsOfModule(module, (id) => {
      known.lastAsked = id
    }),
  }
  modules.set(mac, known)
  for (const { id } of before?.parts ?? []) {
    if (!known.parts.some((part) => part.id === id)) hub.forget(id)
  }
  for (const { id, facts } of known.parts) hub.device(id, facts)
  hub.claim(mac, `${topics.telemetry}+`, (message) => hearTelemetry(hub, known, message))
  hub.claim(mac, `${topics.answer}+`, (message) => hearAnswer(hub, known, message))
  hub.claim(mac, `${topics.command}+`, (message) => hearCommand(hub, known, message))
}

function close(hub: ProfileHub, modules: Map<string, Known>, mac: string): void {
  const known = modules.get(mac)
  if (known === undefined) return
  hub.release(mac)
  for (const id of idsOf(known)) hub.forget(id)
  modules.delete(mac)
}

function idsOf({ parts, sensors }: Known): string[] {
  return [...parts.map(({ id }) => id), ...sensors]
}

// --- what a module says ---

function lastLevel(topic: string): string {
  return topic.slice(topic.lastIndexOf('/') + 1).toUpperCase()
}

function hearTelemetry(hub: ProfileHub, known: Known, { topic, payload }: HeardMessage): void {
  const kind = lastLevel(topic)
  if (kind === 'LWT') {
    tellAvailable(hub, known, payload.bytes.toString())
    return
  }
  const { value } = payload
  if (!isRecord(value)) return
  if (kind === 'SENSOR') hearSensors(hub, known, value)
  if (kind === 'SENSOR' || kind === 'STATE') report(hub, known, value)
}

function tellAvailable(hub: ProfileHub, known: Known, word: string): void {
  const { here, away, sleeps } = known.module
  if (word !== here && word !== away) return
  // Who sleeps is away most of the time, and nothing is wrong.
  known.isThere = word === here ? true : sleeps ? null : false
  for (const id of idsOf(known)) hub.available(id, known.isThere)
}

function hearAnswer(hub: ProfileHub, known: Known, { topic, payload }: HeardMessage): void {
  const kind = lastLevel(topic)
  const { value } = payload
  if (!isRecord(value)) {
    // `stat/…/POWER1` has the bare word.
    if (kind.startsWith('POWER')) report(hub, known, { [kind]: payload.bytes.toString() })
    return
  }
  const { StatusSNS: sensors, StatusSTS: state, Command: command } = value
  if (isRecord(sensors)) hearSensors(hub, known, sensors)
  if (command === 'Unknown' || command === 'Error') refuse(hub, known, command)
  for (const said of [value, state, sensors]) if (isRecord(said)) report(hub, known, said)
}

function refuse(hub: ProfileHub, { lastAsked }: Known, word: string): void {
  const reason = word === 'Unknown' ? 'the device does not know this command' : 'the device failed'
  if (lastAsked !== undefined) hub.refuse(lastAsked, reason)
}

function report(hub: ProfileHub, { parts }: Known, said: Readonly<Record<string, unknown>>): void {
  for (const { id, read } of parts) {
    const values = read(said)
    if (values !== undefined) hub.report(id, values)
  }
}

function hearCommand(hub: ProfileHub, { parts }: Known, { topic, payload, isPast }: HeardMessage) {
  // A command that was kept is not what anybody wants now.
  if (isPast) return
  const command = lastLevel(topic)
  for (const { id, observed } of parts) {
    const asked = observed?.(command, payload.bytes.toString())
    if (asked !== undefined) hub.observe(id, asked)
  }
}

// --- what it measures ---

function hearSensors(hub: ProfileHub, known: Known, said: Record<string, unknown>): void {
  declareSensors(hub, known, said)
  for (const [name, values] of sensorsIn(said)) {
    hub.report(sensorId(known.module, name), readingsOf(values, said))
  }
}

function declareSensors(hub: ProfileHub, { module, sensors, isThere }: Known, said: unknown): void {
  if (!isRecord(said)) return
  const { mac: node, name, model, firmware } = module
  for (const [part] of sensorsIn(said)) {
    const id = sensorId(module, part)
    if (sensors.has(id)) continue
    hub.device(id, { node, kind: 'sensor', part, name: `${name} ${part}`, model, firmware })
    hub.available(id, isThere)
    sensors.add(id)
  }
}

function sensorId({ mac }: Module, name: string): string {
  return `${mac}/sensor/${name}`
}

type Said = Readonly<Record<string, unknown>>

/** Keys beside those of sensors: units, the time, and what is told as a state elsewhere. */
const noSensor = /^(?:Time|Epoch|\w+Unit|(?:Switch|Button|Shutter)\d+)$/

/** The sensors that `SENSOR` or `StatusSNS` tells of, each with what it says. */
function sensorsIn(said: Said): [name: string, values: Said][] {
  return Object.entries(said).flatMap(([name, values]): [string, Said][] => {
    if (noSensor.test(name)) return []
    if (isRecord(values)) return [[name, values]]
    return typeof values === 'number' ? [[name, { Value: values }]] : []
  })
}

/** Units that are always the same, by the names that Tasmota gives quantities. */
const units: Readonly<Record<string, readonly string[]>> = {
  '%': ['Humidity', 'Moisture'],
  W: ['Power'],
  VA: ['ApparentPower'],
  VAr: ['ReactivePower'],
  V: ['Voltage'],
  A: ['Current'],
  Hz: ['Frequency'],
  kWh: ['Total', 'Today', 'Yesterday'],
  lx: ['Illuminance'],
  ppm: ['CarbonDioxide', 'eCO2'],
  ppb: ['TVOC'],
  'µg/m³': ['PM1', 'PM2.5', 'PM10'],
  cm: ['Distance'],
}

const unitOf = new Map(
  Object.entries(units).flatMap(([unit, names]) => names.map((name) => [name, unit] as const)),
)

/** Quantities whose unit the module has been told, and says beside them; and else. */
const chosenUnits = new Map<string, readonly [key: string, otherwise: string]>([
  ['Temperature', ['TempUnit', 'C']],
  ['DewPoint', ['TempUnit', 'C']],
  ['Pressure', ['PressureUnit', 'hPa']],
  ['SeaPressure', ['PressureUnit', 'hPa']],
  ['Speed', ['SpeedUnit', 'km/h']],
])

/** The numbers that a sensor says, with the units that stand beside it. Null is a sensor that has failed. */
function readingsOf(values: Said, said: Said): Record<string, MeasuredValue> {
  const entries = Object.entries(values).flatMap(
    ([key, value]): [string, unknown, string | null][] => {
      const [name, unit] = namedIn(key, said)
      if (Array.isArray(value)) return value.map((each, at) => [`${name}-${at + 1}`, each, unit])
      if (!isRecord(value)) return [[name, value, unit]]
      return Object.entries(value).map(([inner, each]) => {
        const [innerName, innerUnit] = namedIn(inner, said)
        return [`${name}-${innerName}`, each, innerUnit]
      })
    },
  )
  return Object.fromEntries(
    entries.flatMap(([name, value, unit]): [string, MeasuredValue][] =>
      typeof value === 'number' || value === null ? [[name, [value, unit]]] : [],
    ),
  )
}

function namedIn(key: string, said: Said): readonly [name: string, unit: string | null] {
  const name = small(key)
  const chosen = chosenUnits.get(key)
  if (chosen === undefined) return [name, unitOf.get(key) ?? null]
  const [unitKey, otherwise] = chosen
  const unit = String(said[unitKey] ?? otherwise)
  return [name, unitKey === 'TempUnit' ? `°${unit}` : unit]
}

/** `DewPoint` is `dew-point`. */
function small(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
}
