/**
 * The one table from the kinds of devices to the models of the other systems. A row is a quantity of a kind of
 * device: what its reports hold under a key. A column that is missing means that the system has nothing
 * like it; Tvheadend has no column, since it tells messages as they are.
 */
import type { ModelRow } from './model-row.ts'
import { profileRows } from './profile-rows.ts'
import { readingRows } from './reading-rows.ts'

const ledStates = ['off', 'on', '1-dot', '2-dot', '3-dot'] as const

const clownRows: readonly ModelRow[] = [
  {
    kind: 'relay',
    key: 'state',
    form: 'switch',
    slot: 1,
    title: 'Relay',
    isCommanded: true,
    deconz: { resource: 'lights', type: 'On/Off plug-in unit', item: 'on' },
    jeedom: {
      subType: 'binary',
      genericType: 'ENERGY_STATE',
      actions: [
        { name: 'On', subType: 'other', genericType: 'ENERGY_ON', asks: true },
        { name: 'Off', subType: 'other', genericType: 'ENERGY_OFF', asks: false },
      ],
      summary: { key: 'outlet', of: 'switched-on' },
    },
    netzer: { pin: 'digital', places: '01' },
  },
  {
    kind: 'led',
    key: 'state',
    form: 'choice',
    slot: 2,
    choices: ledStates,
    title: 'LED',
    isCommanded: true,
    deconz: { resource: 'lights', type: 'On/Off light', item: 'on' },
    jeedom: {
      subType: 'string',
      genericType: 'LIGHT_STATE',
      actions: [
        { name: 'On', subType: 'other', genericType: 'LIGHT_ON', asks: 'on' },
        { name: 'Off', subType: 'other', genericType: 'LIGHT_OFF', asks: 'off' },
        { name: 'Mode', subType: 'select', genericType: 'LIGHT_MODE' },
      ],
      summary: { key: 'light', of: 'switched-on' },
    },
    netzer: { pin: 'digital', places: '3' },
  },
  {
    kind: 'thermometer',
    key: 'temperature',
    form: 'measured',
    slot: 3,
    title: 'Temperature',
    unit: '℃',
    deconz: {
      resource: 'sensors',
      type: 'ZHATemperature',
      cluster: '0402',
      item: 'temperature',
      toTheirs: (celsius) => Math.round(celsius * 100),
    },
    jeedom: {
      subType: 'numeric',
      genericType: 'TEMPERATURE',
      unit: '°C',
      summary: { key: 'temperature', of: 'average' },
    },
    netzer: { pin: { lowest: -20, highest: 60 }, places: '4' },
  },
  {
    kind: 'humidity-sensor',
    key: 'relative-humidity',
    form: 'measured',
    slot: 4,
    title: 'Humidity',
    unit: '%',
    deconz: {
      resource: 'sensors',
      type: 'ZHAHumidity',
      cluster: '0405',
      item: 'humidity',
      toTheirs: (percent) => Math.round(percent * 100),
    },
    jeedom: {
      subType: 'numeric',
      genericType: 'HUMIDITY',
      unit: '%',
      summary: { key: 'humidity', of: 'average' },
    },
    netzer: { pin: { lowest: 0, highest: 100 }, places: '5' },
  },
  {
    kind: 'lux-meter',
    key: 'illuminance',
    form: 'measured',
    slot: 5,
    title: 'Illuminance',
    unit: 'lux',
    deconz: {
      resource: 'sensors',
      type: 'ZHALightLevel',
      cluster: '0400',
      item: 'lightlevel',
      // ZigBee Cluster Library, 4.2.2.2.1: 10000 times the decadic logarithm, plus 1; 0 is too dark.
      toTheirs: (lux) => (lux < 1 ? 0 : Math.round(10_000 * Math.log10(lux)) + 1),
    },
    jeedom: {
      subType: 'numeric',
      genericType: 'BRIGHTNESS',
      unit: 'lux',
      summary: { key: 'luminosity', of: 'average' },
    },
    netzer: { pin: { lowest: 0, highest: 1000 }, places: '6' },
  },
  {
    kind: 'barometer',
    key: 'pressure',
    form: 'measured',
    slot: 6,
    title: 'Pressure',
    unit: 'kPa',
    deconz: {
      resource: 'sensors',
      type: 'ZHAPressure',
      cluster: '0403',
      item: 'pressure',
      // In hectopascals.
      toTheirs: (kilopascals) => Math.round(kilopascals * 10),
    },
    jeedom: { subType: 'numeric', genericType: 'PRESSURE', unit: 'kPa' },
    netzer: { pin: { lowest: 90, highest: 110 }, places: '7' },
  },
  {
    kind: 'barometer',
    key: 'altitude',
    form: 'measured',
    slot: 7,
    title: 'Altitude',
    unit: 'm',
    jeedom: { subType: 'numeric', genericType: 'GENERIC_INFO', unit: 'm' },
  },
  {
    kind: 'co2-sensor',
    key: 'concentration',
    form: 'measured',
    slot: 8,
    title: 'CO2',
    unit: 'ppm',
    deconz: {
      resource: 'sensors',
      type: 'ZHAAirQuality',
      cluster: 'fc03',
      item: 'airqualityppb',
      toTheirs: (ppm) => Math.round(ppm * 1000),
    },
    jeedom: { subType: 'numeric', genericType: 'CO2', unit: 'ppm' },
    netzer: { pin: { lowest: 0, highest: 5000 }, places: '8' },
  },
  {
    kind: 'pir',
    key: 'event-count',
    form: 'events',
    slot: 9,
    title: 'Presence',
    deconz: { resource: 'sensors', type: 'ZHAPresence', cluster: '0406', item: 'presence' },
    // Jeedom's own type for it is a state, and this counts.
    jeedom: { subType: 'numeric', genericType: 'GENERIC_INFO' },
    netzer: { pin: 'digital', places: '2' },
  },
  {
    kind: 'push-button',
    key: 'event-count',
    form: 'events',
    slot: 10,
    title: 'Button',
    deconz: { resource: 'sensors', type: 'ZHASwitch', cluster: '0006', item: 'buttonevent' },
    jeedom: { subType: 'numeric', genericType: 'GENERIC_INFO' },
  },
  {
    kind: 'display-oled',
    key: 'line-0',
    form: 'text',
    slot: 11,
    title: 'Display',
    isCommanded: true,
    jeedom: {
      subType: 'string',
      genericType: 'GENERIC_INFO',
      actions: [{ name: 'Show', subType: 'message', genericType: 'GENERIC_ACTION' }],
    },
  },
]

export const modelTable: readonly ModelRow[] = [...clownRows, ...profileRows, ...readingRows]

/** The quantities of a kind of device, in the order of the table. */
export function rowsOf(kind: string): readonly ModelRow[] {
  return modelTable.filter((row) => row.kind === kind)
}

/** What a device is, and what it has. */
interface Described {
  readonly kind: string
  /** Of all that it has reported. */
  readonly keys: ReadonlySet<string>
}

/** The quantities that a device has: those of its kind, and what it tells besides. */
export function rowsFor({ kind, keys }: Described): readonly ModelRow[] {
  const own = rowsByKind.get(kind) ?? []
  const there = own.filter(({ key, isOptional }) => !isOptional || keys.has(key))
  const isBinary = kind === 'binary-sensor'
  const readings = [...keys].flatMap((key) => {
    const reading = readingOf(key, isBinary)
    return reading === undefined || own.some((row) => row.key === key) ? [] : reading
  })
  const isNamed = readings.some(({ form }) => form === 'switch')
  // What it is about says more than that something is so.
  const named = isBinary && isNamed ? [] : there
  return [...named, ...readings.sort((one, other) => one.slot - other.slot)]
}

const rowsByKind: ReadonlyMap<string, readonly ModelRow[]> = new Map(
  modelTable.filter(({ kind }) => kind !== '').map(({ kind }) => [kind, rowsOf(kind)] as const),
)

/** By key: what is measured first, and what is so or not first. */
const measuredFirst = readingsByKey([...readingRows].reverse())
const toldFirst = readingsByKey(readingRows)

/** The last one of a key counts. */
function readingsByKey(rows: readonly ModelRow[]): ReadonlyMap<string, ModelRow> {
  return new Map(rows.map((row) => [row.key, row] as const))
}

/** What a key is a reading of: `moisture` is how wet it is, and of a binary sensor whether it is wet. */
function readingOf(key: string, isBinary: boolean): ModelRow | undefined {
  return (isBinary ? toldFirst : measuredFirst).get(key)
}
