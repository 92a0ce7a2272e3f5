/**
 * Shelly of the first generation: `shellies/<id>/<part>/<number>/…` with bare words. Facts:
 * shelly-api-docs.shelly.cloud/gen1 (MQTT), ioBroker.shelly (gen1).
 */
import { hexOf, rgbIn } from '../core/colors.ts'
import { isRecord } from '../core/json.ts'
import type { DeviceKind } from '../nodes/profiles/kinds.ts'
import type {
  Ask,
  DeviceFacts,
  HeardMessage,
  Outgoing,
  Profile,
  ProfileHub,
  Report,
} from '../nodes/profiles/profile.ts'

type Said = Readonly<Record<string, unknown>>

/** A Shelly, by the id in its topics, which its owner may change. */
interface Device {
  readonly id: string
  /** The end of its MAC, which most ids end in; the id until it has told its MAC. */
  node: string
  facts: Pick<DeviceFacts, 'model' | 'firmware'>
  isThere: boolean | null
  readonly parts: Map<string, Part>
}

/** What a device has: `relay/0`, or `device` for what is said of it as a whole. */
interface Part {
  readonly kind: DeviceKind
  /** Of a roller: what it does, and where it is. */
  word?: string
  position?: number
}

export const shellyGen1: Profile = {
  name: 'shelly-gen1',
  open: (hub) => {
    const devices = new Map<string, Device>()
    hub.claim('all', 'shellies/#', (message) => {
      const [, id = '', ...levels] = message.topic.split('/')
      if (id === 'announce') hearAnnounce(hub, devices, message.payload.value)
      else if (levels.length > 0) hearDevice(hub, deviceOf(devices, id), { ...message, levels })
    })
    // Those that are there say who they are, and all their values.
    for (const word of ['announce', 'update'])
      hub.send({ topic: 'shellies/command', payload: word })
  },
}

/** The ids of the factory: `shelly1pm-BA1936`, `shellyswitch25-C45BBE798F0F`. */
const usualId = /-([0-9A-F]{6}|[0-9A-F]{12})$/

function deviceOf(devices: Map<string, Device>, id: string): Device {
  const known = devices.get(id)
  if (known !== undefined) return known
  const [, mac] = usualId.exec(id) ?? []
  const device: Device = {
    ...{ id, node: mac === undefined ? id : endOf(mac), facts: {}, isThere: null },
    parts: new Map(),
  }
  devices.set(id, device)
  return device
}

function endOf(mac: string): string {
  return mac.slice(-6).toUpperCase()
}

function hearAnnounce(hub: ProfileHub, devices: Map<string, Device>, value: unknown): void {
  if (!isRecord(value)) return
  const { id, mac, model, fw_ver: firmware } = value
  if (typeof id !== 'string' || typeof mac !== 'string' || id === '') return
  const device = deviceOf(devices, id)
  device.facts = { model: String(model ?? ''), firmware: String(firmware ?? '') }
  if (!usualId.test(id)) device.node = endOf(mac)
  takeOver(hub, devices, device)
  for (const [part, { kind }] of device.parts) declare(hub, device, { part, kind })
}

/** It had another id before; nobody takes a device from one that is there. */
function takeOver(hub: ProfileHub, devices: Map<string, Device>, device: Device): void {
  for (const other of devices.values()) {
    if (other === device || other.node !== device.node || other.isThere === true) continue
    for (const part of other.parts.keys()) hub.forget(`${other.id}/${part}`)
    devices.delete(other.id)
  }
}

function declare(
  hub: ProfileHub,
  { id, node, facts, isThere }: Device,
  { part, kind }: { readonly part: string; readonly kind: DeviceKind },
): void {
  const base = `shellies/${id}/${part}`
  const ask = asking[kind]
  hub.device(`${id}/${part}`, {
    ...{ node, kind, part, name: `${id} ${part}`, ...facts },
    ...(ask !== undefined && {
      askKeys: ask.keys.filter((key) => key !== 'color' || part.startsWith('color/')),
      ask: (asked: Ask) => [ask.write(base, asked)],
      question: () => [{ topic: `shellies/${id}/command`, payload: 'update', qos: 0 }],
      tolerance: { brightness: 1, position: 2, 'color-temp': 50 },
    }),
  })
  hub.available(`${id}/${part}`, isThere)
}

interface Heard extends HeardMessage {
  /** What stands behind the device's id. */
  readonly levels: readonly string[]
}

function hearDevice(hub: ProfileHub, device: Device, heard: Heard): void {
  const { levels, payload } = heard
  const text = payload.bytes.toString()
  if (levels[0] === 'online') {
    hearOnline(hub, device, text)
    return
  }
  const row = rows.find((each) => isLike(levels, each.levels))
  if (row === undefined) {
    observe(hub, device, heard)
    return
  }
  const part = row.part.replace('+', () => levels.slice(1, 2).join(''))
  const known = device.parts.get(part) ?? { kind: row.kind }
  const report = row.read(text, { name: levels.slice(-1).join(''), known, value: payload.value })
  if (report === undefined) return
  if (!device.parts.has(part)) {
    device.parts.set(part, known)
    declare(hub, device, { part, kind: row.kind })
  }
  hub.report(`${device.id}/${part}`, report)
}

function hearOnline(hub: ProfileHub, device: Device, text: string): void {
  if (text !== 'true' && text !== 'false') return
  device.isThere = text === 'true'
  for (const part of device.parts.keys()) hub.available(`${device.id}/${part}`, device.isThere)
}

function isLike(levels: readonly string[], pattern: readonly string[]): boolean {
  const isSame = (level: string, at: number) => level === '+' || level === levels[at]
  return levels.length === pattern.length && pattern.every(isSame)
}

/** `relay/0/command` of somebody else. */
function observe(hub: ProfileHub, { id }: Device, { levels, payload, isPast }: Heard): void {
  const [part, number, last, ...more] = levels
  const text = payload.bytes.toString()
  if (isPast || last !== 'command' || more.length > 0 || (text !== 'on' && text !== 'off')) return
  hub.observe(`${id}/${part}/${number}`, { state: text === 'on' })
}

// --- what is said ---

interface Context {
  /** The last level. */
  readonly name: string
  readonly known: Part
  readonly value: unknown
}

/** What is said on topics of one form. */
interface Row {
  readonly levels: readonly string[]
  readonly kind: DeviceKind
  /** What it is about; `+` is the number in the topic. */
  readonly part: string
  /** Undefined for what says nothing. */
  read(text: string, context: Context): Report | undefined
}

/** A sensor that is broken says 999. */
const broken = 999

function measured(unit: string | null, as?: string): Row['read'] {
  return (text, { name }) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value)) return undefined
    return { [as ?? name.replaceAll('_', '-')]: [value === broken ? null : value, unit] }
  }
}

/** `1` and `true` are so, `0` and `false` are not. */
const whether: Row['read'] = (text) => {
  if (/^(?:1|true|open)$/.test(text)) return { state: true }
  return /^(?:0|false|close)$/.test(text) ? { state: false } : undefined
}

const onOrOff: Row['read'] = (text) => {
  return text === 'on' || text === 'off' ? { state: text === 'on' } : undefined
}

/** A relay that has tripped is off. */
const relayWord: Row['read'] = (text, context) =>
  text === 'overpower' ? { state: false, fault: text } : onOrOff(text, context)

const inputEvent: Row['read'] = (_text, { value }) => {
  if (!isRecord(value)) return undefined
  const { event, event_cnt: count } = value
  if (typeof event !== 'string' || event === '') return undefined
  return { event, ...(typeof count === 'number' && { count }) }
}

/** What a roller says of its movement, and where it is; -1 is not known. */
function roller(what: 'word' | 'position'): Row['read'] {
  return (text, { known }) => {
    if (what === 'word') known.word = text
    else if (/^\d{1,3}$/.test(text)) known.position = Number(text)
    else return undefined
    const { word, position } = known
    const atRest = position === 0 ? 'closed' : position === 100 ? 'open' : 'stopped'
    const state = word === 'open' ? 'opening' : word === 'close' ? 'closing' : atRest
    return { state, ...(position !== undefined && { position }) }
  }
}

/** A motion sensor says all of it at once. */
const motionStatus: Row['read'] = (_text, { value }) => {
  if (!isRecord(value) || typeof value['motion'] !== 'boolean') return undefined
  const { motion, lux, bat: battery } = value
  return {
    state: motion,
    ...(typeof lux === 'number' && { lux: [lux, 'lx'] }),
    ...(typeof battery === 'number' && { battery: [battery, '%'] }),
  }
}

const lightStatus: Row['read'] = (_text, { value }) => {
  if (!isRecord(value) || typeof value['ison'] !== 'boolean') return undefined
  const { ison: state, brightness, gain, temp, mode } = value
  const dimmed = mode === 'color' ? gain : brightness
  return {
    state,
    ...(typeof dimmed === 'number' && { brightness: dimmed }),
    ...(typeof temp === 'number' && temp > 0 && { 'color-temp': Math.round(1e6 / temp) }),
    ...colorIn(value),
  }
}

function colorIn({ mode, red, green, blue }: Said): Report {
  const color = hexOf([red, green, blue].filter((each) => typeof each === 'number'))
  return mode === 'color' && color !== undefined ? { color } : {}
}

/** What is said on `path`, of the part that its first two levels name. */
function row(path: string, kind: DeviceKind, read: Row['read']): Row {
  const levels = path.split('/')
  return { levels, kind, part: levels.slice(0, 2).join('/'), read }
}

/** What the parts measure that use power; their energy is in watt-minutes. */
const meters = [
  ['relay', 'relay'],
  ['roller', 'cover'],
  ['light', 'light'],
  ['color', 'light'],
  ['white', 'light'],
] as const

const rows: readonly Row[] = [
  row('relay/+', 'relay', relayWord),
  row('roller/+', 'cover', roller('word')),
  row('roller/+/pos', 'cover', roller('position')),
  ...(['light', 'color', 'white'] as const).flatMap((part) => [
    row(`${part}/+`, 'light', onOrOff),
    row(`${part}/+/status`, 'light', lightStatus),
  ]),
  ...meters.flatMap(([part, kind]) => [
    row(`${part}/+/power`, kind, measured('W')),
    row(`${part}/+/energy`, kind, measured('Wmin')),
  ]),
  row('input/+', 'binary-sensor', whether),
  { ...row('input_event/+', 'binary-sensor', inputEvent), part: 'input/+' },
  ...Object.entries({ power: 'W', voltage: 'V', current: 'A', pf: null }).map(([name, unit]) =>
    row(`emeter/+/${name}`, 'sensor', measured(unit)),
  ),
  ...['total', 'total_returned', 'energy', 'returned_energy'].map((name) =>
    row(`emeter/+/${name}`, 'sensor', measured('Wh')),
  ),
  row('ext_temperature/+', 'sensor', measured('°C', 'temperature')),
  row('ext_humidity/+', 'sensor', measured('%', 'humidity')),
  row('ext_switch/+', 'binary-sensor', whether),
  row('adc/+', 'sensor', measured('V', 'voltage')),
  { ...row('temperature', 'sensor', measured('°C')), part: 'device' },
  { ...row('voltage', 'sensor', measured('V')), part: 'device' },
  row('overtemperature', 'binary-sensor', whether),
  ...Object.entries({ temperature: '°C', humidity: '%', battery: '%', lux: 'lx', tilt: '°' }).map(
    ([name, unit]) => ({ ...row(`sensor/${name}`, 'sensor', measured(unit)), part: 'sensor' }),
  ),
  { ...row('status', 'binary-sensor', motionStatus), part: 'sensor/motion' },
  ...['motion', 'flood', 'smoke', 'vibration', 'state', 'charger'].map((name) =>
    row(`sensor/${name}`, 'binary-sensor', whether),
  ),
]

// --- what is asked ---

interface Asking {
  readonly keys: readonly string[]
  write(base: string, asked: Ask): Outgoing
}

const asking: Partial<Record<DeviceKind, Asking>> = {
  relay: {
    keys: ['state'],
    write: (base, { state }) => ({
      topic: `${base}/command`,
      payload: state === true ? 'on' : 'off',
    }),
  },
  cover: {
    keys: ['state', 'position'],
    write: (base, { state, position }) =>
      position === undefined
        ? { topic: `${base}/command`, payload: String(state) }
        : { topic: `${base}/command/pos`, payload: String(position) },
  },
  light: {
    keys: ['state', 'brightness', 'color', 'color-temp'],
    write: (base, { state = true, brightness, color, 'color-temp': mired }) => {
      const isColor = base.split('/').includes('color')
      const [red, green, blue] = rgbIn(color)
      const payload = {
        turn: state === true ? 'on' : 'off',
        ...(brightness !== undefined && { [isColor ? 'gain' : 'brightness']: brightness }),
        ...(color !== undefined && { red, green, blue }),
        ...(mired !== undefined && { temp: Math.round(1e6 / Number(mired)) }),
      }
      return { topic: `${base}/set`, payload: JSON.stringify(payload) }
    },
  },
}
