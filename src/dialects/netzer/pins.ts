/** Which device is on which pin. */
import { HubError, reasonOf } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { joinTopic } from '../../core/topic.ts'
import { deviceOf } from '../../nodes/device.ts'
import type { SeenDevice } from '../../nodes/served/seen-devices.ts'
import { type ModelRow, rowsOf } from '../model-table.ts'
import type { ServedContext, ServedSettings } from '../served-dialect.ts'
import type { PinUse } from './pin-value.ts'

export interface Pin extends PinUse {
  /** `0` to `c`. */
  readonly index: string
  /** Complete, of the device. */
  readonly topic: string
}

export interface Pins {
  at(index: string): Pin | undefined
  /** Those that the device which reports on `topic` is on. */
  of(topic: string): Pin[]
  all(): Pin[]
  close(): void
}

/** IO0 to IO5, TX, RX, SPI_CS, SPI_INT, SPI_CLK, SPI_MI and SPI_MO of the original, in this order. */
export const pinIndexes = [...'0123456789abc']

type PinsContext = Pick<ServedContext, 'settings' | 'devices' | 'store' | 'sampledLog'>

/** @throws HubError `bad-config` for a pin that can never say anything. */
export async function openPins(context: PinsContext): Promise<Pins> {
  const { netzer, base } = context.settings
  if (netzer.pins === undefined) return openGivenPins(context)
  const pins = Object.entries(netzer.pins).map(([index, wanted]) => {
    const topic = joinTopic(base, wanted.device)
    return [index, { index, topic, ...useOf(index, topic, wanted) }] as const
  })
  return { ...pinsIn(new Map(pins)), close: () => {} }
}

function pinsIn(pins: ReadonlyMap<string, Pin>): Omit<Pins, 'close'> {
  return {
    at: (index) => pins.get(index),
    of: (topic) => [...pins.values()].filter((pin) => pin.topic === topic),
    all: () => [...pins.values()],
  }
}

type WantedPin = NonNullable<ServedSettings['netzer']['pins']>[string]

function useOf(index: string, topic: string, wanted: WantedPin): PinUse {
  const { quantity, lowest, highest } = wanted
  const { kind } = deviceOf(topic)
  const rows = rowsOf(kind).filter(({ form }) => form !== 'text')
  const row = rows.find(({ key }) => quantity === undefined || key === quantity)
  const place = `netzer.pins.${index} of dialect netzer`
  if (row === undefined) {
    const known = rows.map(({ key }) => key).join(', ')
    const expected =
      known === '' ? 'a device of a kind that a pin can tell of' : `the quantity ${known}`
    throw new HubError('bad-config', `expected ${place} to be ${expected}, got ${quantity ?? kind}`)
  }
  if (row.form !== 'measured') return { row }
  const usual = usualScale(row)
  const scale = { lowest: lowest ?? usual?.lowest, highest: highest ?? usual?.highest }
  if (!isScale(scale)) {
    const got = `${scale.lowest ?? 'nothing'} and ${scale.highest ?? 'nothing'}`
    const expected = `expected ${place} to have "lowest" and a greater "highest"`
    throw new HubError('bad-config', `${expected}, got ${got}`)
  }
  return { row, scale }
}

function isScale(scale: {
  lowest: number | undefined
  highest: number | undefined
}): scale is { lowest: number; highest: number } {
  const { lowest, highest } = scale
  return lowest !== undefined && highest !== undefined && lowest < highest
}

function usualScale({ netzer }: ModelRow) {
  return netzer === undefined || netzer.pin === 'digital' ? undefined : netzer.pin
}

/** The pins on which further devices are, of any kind. */
const sharedPlaces = '9abc'

/**
 * Gives each device a pin when it is first heard of, for ever: a client must not switch another relay
 * than yesterday. Only once there is no pin left, one whose device is gone goes to another.
 */
async function openGivenPins(context: PinsContext): Promise<Pins> {
  const { devices, settings, store, sampledLog } = context
  const key = `dialect/netzer/pins/${settings.base}`
  const pins = new Map<string, Pin>()
  const put = (index: string, topic: string) => {
    const row = rowOnPin(deviceOf(topic).kind)
    if (row === undefined) return
    const scale = usualScale(row)
    pins.set(index, { index, topic, row, ...(scale && { scale }) })
  }
  for (const [index, topic] of readGiven(await store.get(key))) put(index, topic)
  const keep = () => {
    const given = Object.fromEntries([...pins.values()].map(({ index, topic }) => [index, topic]))
    store
      .write([{ key, value: Buffer.from(JSON.stringify(given)) }])
      .catch((error: unknown) =>
        sampledLog.warn(
          'pins-not-written',
          { reason: reasonOf(error) },
          'the pins could not be written',
        ),
      )
  }
  const there = new Set(devices.all().map(({ topic }) => topic))
  const give = (device: SeenDevice) => {
    there.add(device.topic)
    const index = placeFor(device, pins, there)
    if (index === undefined) return
    put(index, device.topic)
    keep()
  }
  for (const device of devices.all()) give(device)
  const close = devices.onEvent((event, device) => {
    if (event === 'added') give(device)
    else if (event === 'deleted') there.delete(device.topic)
  })
  return { ...pinsIn(pins), close }
}

function rowOnPin(kind: string): ModelRow | undefined {
  return rowsOf(kind).find(({ netzer }) => netzer !== undefined)
}

/** The pin for a device; undefined when it has one, cannot have one, or none is left. */
function placeFor(
  { topic, kind }: SeenDevice,
  pins: ReadonlyMap<string, Pin>,
  there: ReadonlySet<string>,
): string | undefined {
  const column = rowOnPin(kind)?.netzer
  if (column === undefined || [...pins.values()].some((pin) => pin.topic === topic))
    return undefined
  const places = [...column.places, ...sharedPlaces]
  const free = places.find((index) => !pins.has(index))
  if (free !== undefined) return free
  const given = [...pins.values()].filter(({ index }) => places.includes(index))
  return given.find((pin) => !there.has(pin.topic))?.index
}

function readGiven(bytes: Buffer | undefined): [index: string, topic: string][] {
  try {
    const given: unknown = JSON.parse(String(bytes ?? '{}'))
    if (!isRecord(given)) return []
    return pinIndexes.flatMap((index) => {
      const topic = given[index]
      return typeof topic === 'string' ? [[index, topic] as [string, string]] : []
    })
  } catch {
    return []
  }
}
