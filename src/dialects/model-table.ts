/**
 * The one table from Clown.Model to the models of the other systems. A row is a quantity of a kind of
 * device: what its reports hold under a key. A column that is missing means that the system has nothing
 * like it; Tvheadend has no column, since it tells messages as they are.
 */
import { isRecord } from '../core/json.ts'

/** What a report holds under a key: `[value, unit]`, a boolean, one of some words, a count of events. */
export type Form = 'measured' | 'switch' | 'choice' | 'events' | 'text'

export interface ModelRow {
  /** The last level but one of a device's topic. */
  readonly kind: string
  readonly key: string
  readonly form: Form
  /** What it is called, in English. */
  readonly title: string
  /** As Clown.Model writes it; measured quantities only. */
  readonly unit?: string
  /** The words of a choice. */
  readonly choices?: readonly string[]
  /** Whether it can be commanded: under the same key. */
  readonly isCommanded?: true
  readonly deconz?: DeconzColumn
  readonly jeedom: JeedomColumn
  readonly netzer?: NetzerColumn
}

export interface DeconzColumn {
  readonly resource: 'lights' | 'sensors'
  /** The `type` of the resource. */
  readonly type: string
  /** The ZigBee cluster at the end of its `uniqueid`: four hexadecimal digits; lights have none. */
  readonly cluster?: string
  /** The name of the value in its `state`. */
  readonly item: string
  /** From our unit to theirs, in whole numbers. */
  toTheirs?(value: number): number
}

export interface JeedomColumn {
  /** What an info command of this quantity says of itself. */
  readonly subType: 'numeric' | 'binary' | 'string'
  readonly genericType: string
  readonly unit?: string
  /** Generic types of the action commands. */
  readonly actions?: readonly JeedomAction[]
  /** The key among the summaries of objects, and what is made of several values. */
  readonly summary?: { readonly key: string; readonly of: 'average' | 'switched-on' }
}

export interface JeedomAction {
  readonly name: string
  readonly subType: 'other' | 'slider' | 'select' | 'message'
  readonly genericType: string
  /** What it commands under the key of the row; without it, what the caller chose. */
  readonly asks?: unknown
}

export interface NetzerColumn {
  /** A pin that is 0 or 1, or one that reads 0 to 1023 between these two values. */
  readonly pin: 'digital' | { readonly lowest: number; readonly highest: number }
  /** The pins that only such devices get, unless the configuration says otherwise; the others share the rest. */
  readonly places: string
}

const ledStates = ['off', 'on', '1-dot', '2-dot', '3-dot'] as const

export const modelTable: readonly ModelRow[] = [
  {
    kind: 'relay',
    key: 'state',
    form: 'switch',
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
    title: 'Altitude',
    unit: 'm',
    jeedom: { subType: 'numeric', genericType: 'GENERIC_INFO', unit: 'm' },
  },
  {
    kind: 'co2-sensor',
    key: 'concentration',
    form: 'measured',
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
    title: 'Button',
    deconz: { resource: 'sensors', type: 'ZHASwitch', cluster: '0006', item: 'buttonevent' },
    jeedom: { subType: 'numeric', genericType: 'GENERIC_INFO' },
  },
  {
    kind: 'display-oled',
    key: 'line-0',
    form: 'text',
    title: 'Display',
    isCommanded: true,
    jeedom: {
      subType: 'string',
      genericType: 'GENERIC_INFO',
      actions: [{ name: 'Show', subType: 'message', genericType: 'GENERIC_ACTION' }],
    },
  },
]

/** The quantities of a kind of device, in the order of the table. */
export function rowsOf(kind: string): readonly ModelRow[] {
  return modelTable.filter((row) => row.kind === kind)
}

/** What a device is called by its kind and address, such as `Relay i2c0-3b`. */
export function givenName(
  { name, kind }: { readonly name: string; readonly kind: string },
  { title }: ModelRow,
): string {
  const address = name.slice(name.lastIndexOf('/') + 1)
  const isAlone = address === '-' || address === '' || name === kind
  return isAlone ? title : `${title} ${address}`
}

/** The words that a quantity may be; none where it is no choice. */
export function choicesOf({ choices = [] }: Pick<ModelRow, 'choices'>): readonly string[] {
  return choices
}

/** What a report says of the quantity of a row; undefined when it says nothing that makes sense. */
export function readQuantity(
  { key, form }: ModelRow,
  report: unknown,
): number | boolean | string | undefined {
  if (!isRecord(report) || !Object.hasOwn(report, key)) return undefined
  const value = report[key]
  switch (form) {
    case 'measured':
      return Array.isArray(value) ? finite(value[0]) : undefined
    case 'events':
      return finite(value)
    case 'switch':
      return typeof value === 'boolean' ? value : undefined
    case 'choice':
    case 'text':
      return typeof value === 'string' ? value : undefined
  }
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
