/** What any device may tell besides, by the key of its report: what is measured, what is so or not, what happens. */
import type { DeconzColumn, JeedomColumn, ModelRow } from './model-row.ts'

/** What is told under one of several names. */
interface Reading {
  readonly keys: readonly string[]
  /** Of the first key; each of the others has the next one. */
  readonly slot: number
  readonly title: string
  readonly jeedom: string
  readonly deconz?: Omit<DeconzColumn, 'resource'>
}

interface MeasuredReading extends Reading {
  readonly unit?: string
  readonly summary?: JeedomColumn['summary']
}

const average = (key: string) => ({ key, of: 'average' }) as const

const hundredfold = (value: number) => Math.round(value * 100)

const measured: readonly MeasuredReading[] = [
  {
    keys: ['temperature', 'temp'],
    slot: 100,
    title: 'Temperature',
    unit: '℃',
    jeedom: 'TEMPERATURE',
    summary: average('temperature'),
    deconz: { type: 'ZHATemperature', cluster: '0402', item: 'temperature', toTheirs: hundredfold },
  },
  {
    keys: ['humidity', 'relative-humidity'],
    slot: 105,
    title: 'Humidity',
    unit: '%',
    jeedom: 'HUMIDITY',
    summary: average('humidity'),
    deconz: { type: 'ZHAHumidity', cluster: '0405', item: 'humidity', toTheirs: hundredfold },
  },
  {
    keys: ['illuminance', 'lux'],
    slot: 110,
    title: 'Illuminance',
    unit: 'lux',
    jeedom: 'BRIGHTNESS',
    summary: average('luminosity'),
    deconz: {
      type: 'ZHALightLevel',
      cluster: '0400',
      item: 'lightlevel',
      // ZigBee Cluster Library, 4.2.2.2.1: 10000 times the decadic logarithm, plus 1; 0 is too dark.
      toTheirs: (lux) => (lux < 1 ? 0 : Math.round(10_000 * Math.log10(lux)) + 1),
    },
  },
  {
    keys: ['pressure', 'atmospheric-pressure'],
    slot: 115,
    title: 'Pressure',
    unit: 'kPa',
    jeedom: 'PRESSURE',
    deconz: {
      type: 'ZHAPressure',
      cluster: '0403',
      item: 'pressure',
      toTheirs: (kilopascals) => Math.round(kilopascals * 10),
    },
  },
  {
    keys: ['co2', 'carbon-dioxide', 'concentration'],
    slot: 120,
    title: 'CO2',
    unit: 'ppm',
    jeedom: 'CO2',
    deconz: {
      type: 'ZHAAirQuality',
      cluster: 'fc03',
      item: 'airqualityppb',
      toTheirs: (ppm) => Math.round(ppm * 1000),
    },
  },
  {
    keys: ['power', 'apower'],
    slot: 125,
    title: 'Power',
    unit: 'W',
    jeedom: 'POWER',
    summary: { key: 'power', of: 'sum' },
    deconz: { type: 'ZHAPower', cluster: '0b04', item: 'power', toTheirs: Math.round },
  },
  {
    keys: ['energy', 'total', 'consumption'],
    slot: 130,
    title: 'Energy',
    unit: 'Wh',
    jeedom: 'CONSUMPTION',
    deconz: { type: 'ZHAConsumption', cluster: '0702', item: 'consumption', toTheirs: Math.round },
  },
  {
    keys: ['battery', 'battery-level'],
    slot: 135,
    title: 'Battery',
    unit: '%',
    jeedom: 'BATTERY',
    deconz: { type: 'ZHABattery', cluster: '0001', item: 'battery', toTheirs: Math.round },
  },
  {
    // Of soil; that something is wet is told by a binary sensor.
    keys: ['moisture'],
    slot: 170,
    title: 'Moisture',
    unit: '%',
    jeedom: 'HUMIDITY',
    deconz: { type: 'ZHAMoisture', cluster: '0408', item: 'moisture', toTheirs: hundredfold },
  },
  { keys: ['voltage'], slot: 140, title: 'Voltage', unit: 'V', jeedom: 'VOLTAGE' },
  { keys: ['current'], slot: 145, title: 'Current', unit: 'A', jeedom: 'GENERIC_INFO' },
  { keys: ['frequency'], slot: 150, title: 'Frequency', unit: 'Hz', jeedom: 'GENERIC_INFO' },
  { keys: ['altitude'], slot: 155, title: 'Altitude', unit: 'm', jeedom: 'GENERIC_INFO' },
  { keys: ['tvoc', 'voc'], slot: 160, title: 'VOC', unit: 'ppb', jeedom: 'AIR_QUALITY' },
  { keys: ['pm25', 'pm2-5'], slot: 165, title: 'PM2.5', unit: 'µg/m³', jeedom: 'AIR_QUALITY' },
]

const told: readonly Reading[] = [
  {
    keys: ['door', 'opening', 'open', 'garage-door', 'contact'],
    slot: 200,
    title: 'Door',
    jeedom: 'OPENING',
    deconz: { type: 'ZHAOpenClose', cluster: '0500', item: 'open' },
  },
  {
    keys: ['window'],
    slot: 205,
    title: 'Window',
    jeedom: 'OPENING_WINDOW',
    deconz: { type: 'ZHAOpenClose', cluster: '0500', item: 'open' },
  },
  {
    keys: ['motion', 'occupancy', 'presence', 'moving'],
    slot: 210,
    title: 'Motion',
    jeedom: 'PRESENCE',
    deconz: { type: 'ZHAPresence', cluster: '0406', item: 'presence' },
  },
  {
    keys: ['moisture', 'water', 'water-leak'],
    slot: 215,
    title: 'Water',
    jeedom: 'FLOOD',
    deconz: { type: 'ZHAWater', cluster: '0500', item: 'water' },
  },
  {
    keys: ['smoke'],
    slot: 220,
    title: 'Smoke',
    jeedom: 'SMOKE',
    deconz: { type: 'ZHAFire', cluster: '0500', item: 'fire' },
  },
  {
    keys: ['carbon-monoxide', 'gas'],
    slot: 225,
    title: 'Gas',
    jeedom: 'SMOKE',
    deconz: { type: 'ZHACarbonMonoxide', cluster: '0500', item: 'carbonmonoxide' },
  },
  {
    keys: ['vibration'],
    slot: 230,
    title: 'Vibration',
    jeedom: 'SHOCK',
    deconz: { type: 'ZHAVibration', cluster: '0500', item: 'vibration' },
  },
  { keys: ['tamper'], slot: 235, title: 'Tamper', jeedom: 'SABOTAGE' },
]

const events: readonly Reading[] = [
  {
    keys: ['event', 'action'],
    slot: 240,
    title: 'Button',
    jeedom: 'GENERIC_INFO',
    deconz: { type: 'ZHASwitch', cluster: '0012', item: 'buttonevent' },
  },
]

/** One row for each key. */
function rowsOfEach(
  readings: readonly Reading[],
  rest: (reading: MeasuredReading) => Pick<ModelRow, 'form' | 'unit' | 'jeedom' | 'netzer'>,
): ModelRow[] {
  return readings.flatMap((reading) =>
    reading.keys.map((key, at) => ({
      kind: '',
      key,
      slot: reading.slot + at,
      title: reading.title,
      isOptional: true,
      ...rest(reading),
      ...(reading.deconz && { deconz: { resource: 'sensors', ...reading.deconz } }),
    })),
  )
}

export const readingRows: readonly ModelRow[] = [
  ...rowsOfEach(measured, ({ unit, jeedom: genericType, summary }) => ({
    form: 'measured',
    ...(unit !== undefined && { unit }),
    jeedom: {
      subType: 'numeric',
      genericType,
      ...(unit !== undefined && { unit: unit === '℃' ? '°C' : unit }),
      ...(summary && { summary }),
    },
  })),
  ...rowsOfEach(told, ({ jeedom: genericType }) => ({
    form: 'switch',
    jeedom: { subType: 'binary', genericType },
    netzer: { pin: 'digital', places: '' },
  })),
  ...rowsOfEach(events, ({ jeedom: genericType }) => ({
    form: 'event',
    jeedom: { subType: 'string', genericType },
  })),
]
