/** Which device is on which pin, what the pin says of it, and all of them as they change. */

import type { AlarmClock } from '../../core/clock.ts'
import { HubError, reasonOf } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { joinTopic } from '../../core/topic.ts'
import { deviceOf } from '../../nodes/device.ts'
import { isOfUpstream } from '../../nodes/profiles/open-profile.ts'
import type { SeenDevice, SeenDevices } from '../../nodes/served/seen-devices.ts'
import { createEventMemory, type EventMemory } from '../event-memory.ts'
import { askFor, isOn, type ModelRow, readQuantity } from '../model-row.ts'
import { rowsOf } from '../model-table.ts'
import { readingRows } from '../reading-rows.ts'
import type { ServedContext, ServedSettings } from '../served-dialect.ts'

export interface Pin extends PinUse {
  /** `0` to `c`. */
  readonly index: string
  /** Complete, of the device. */
  readonly topic: string
}

/** A pin that stays with what clients know as one device: another one takes its place. */
interface LastingPin extends Pin {
  /** See `SeenDevice.firstTopic`. */
  readonly firstTopic: string
}

interface Pins {
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
    const use = useOf(index, topic, wanted)
    return [index, { index, topic, firstTopic: topic, ...use }] as const
  })
  const { devices } = context
  const byIndex = new Map<string, LastingPin>(pins)
  for (const device of devices.all()) takePlaces(byIndex, device)
  const close = devices.onEvent((event, device) => {
    if (event === 'labelled') takePlaces(byIndex, device)
  })
  return { ...pinsIn(byIndex), close }
}

/** A device is on the pins of that in whose place it is. */
function takePlaces(pins: Map<string, LastingPin>, { topic, firstTopic }: SeenDevice): void {
  for (const [index, pin] of pins) {
    if (pin.firstTopic === firstTopic) pins.set(index, { ...pin, topic })
  }
}

function pinsIn(pins: ReadonlyMap<string, Pin>): Omit<Pins, 'close'> {
  return {
    at: (index) => pins.get(index),
    of: (topic) => [...pins.values()].filter((pin) => pin.topic === topic),
    all: () => [...pins.values()],
  }
}

/** What no pin can tell. */
const untold: ReadonlySet<string> = new Set(['text', 'event', 'press'])

type WantedPin = NonNullable<ServedSettings['netzer']['pins']>[string]

function useOf(index: string, topic: string, wanted: WantedPin): PinUse {
  const { quantity, lowest, highest } = wanted
  const { kind } = deviceOf(topic)
  const rows = rowsOf(kind).filter(({ form }) => !untold.has(form))
  const named = [...rows, ...readingRows].find(({ key }) => key === quantity)
  const row = quantity === undefined ? rows[0] : named
  const place = `netzer.pins.${index} of dialect netzer`
  if (row === undefined) {
    const known = rows.map(({ key }) => key).join(', ')
    const expected =
      known === '' ? 'a device of a kind that a pin can tell of' : `the quantity ${known}`
    throw new HubError('bad-config', `expected ${place} to be ${expected}, got ${quantity ?? kind}`)
  }
  if (row.form !== 'measured' && row.form !== 'number') return { row }
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
 * Gives each device that is no other system's a pin when it is first heard of, for ever: a client must not switch another relay
 * than yesterday. Only once there is no pin left, one whose device is gone goes to another.
 */
async function openGivenPins(context: PinsContext): Promise<Pins> {
  const { devices, settings, store, sampledLog } = context
  const key = `dialect/netzer/pins/${settings.base}`
  const pins = new Map<string, LastingPin>()
  const put = (index: string, firstTopic: string) => {
    const row = rowOnPin(deviceOf(firstTopic).kind)
    if (row === undefined) return
    const scale = usualScale(row)
    pins.set(index, { index, topic: firstTopic, firstTopic, row, ...(scale && { scale }) })
  }
  for (const [index, topic] of readGiven(await store.get(key))) put(index, topic)
  const keep = () => {
    const given = Object.fromEntries(
      [...pins.values()].map(({ index, firstTopic }) => [index, firstTopic]),
    )
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
  const there = new Set(devices.all().map(({ firstTopic }) => firstTopic))
  const give = (device: SeenDevice) => {
    there.add(device.firstTopic)
    const index = placeFor(device, pins, there)
    if (index !== undefined) {
      put(index, device.firstTopic)
      keep()
    }
    takePlaces(pins, device)
  }
  for (const device of devices.all()) give(device)
  const close = devices.onEvent((event, device) => {
    if (event === 'added') give(device)
    else if (event === 'labelled') takePlaces(pins, device)
    else if (event === 'deleted') there.delete(device.firstTopic)
  })
  return { ...pinsIn(pins), close }
}

function rowOnPin(kind: string): ModelRow | undefined {
  return rowsOf(kind).find(({ netzer }) => netzer !== undefined)
}

/** The pin for a device; undefined when it has one, cannot have one, or none is left. */
function placeFor(
  { firstTopic, kind }: SeenDevice,
  pins: ReadonlyMap<string, LastingPin>,
  there: ReadonlySet<string>,
): string | undefined {
  const column = rowOnPin(kind)?.netzer
  // Two hubs that dial each other would hand it to and fro until no pin is left.
  if (isOfUpstream(firstTopic)) return undefined
  if (column === undefined || [...pins.values()].some((pin) => pin.firstTopic === firstTopic))
    return undefined
  const places = [...column.places, ...sharedPlaces]
  const free = places.find((index) => !pins.has(index))
  if (free !== undefined) return free
  const given = [...pins.values()].filter(({ index }) => places.includes(index))
  return given.find((pin) => !there.has(pin.firstTopic))?.index
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

// --- what a pin says of its device, and what it asks of it ---

/** A value between these two is read as 0 to 1023. */
interface Scale {
  readonly lowest: number
  readonly highest: number
}

/** What a pin is of a device. */
interface PinUse {
  readonly row: ModelRow
  /** Of measured quantities; all others are 0 or 1. */
  readonly scale?: Scale
}

/** The converters of the original have ten bits. */
const highestReading = 1023

/** What the pin says; undefined when nothing is known, or the node is gone: that is no 0. */
export function readPin(
  { row, scale }: PinUse,
  device: SeenDevice,
  memory: Pick<EventMemory, 'isPresent'>,
): string | undefined {
  const quantity = readQuantity(row, device.value)
  if (device.online === false || quantity === undefined) return undefined
  if (row.form === 'events') return bit(memory.isPresent(device.number))
  if (typeof quantity !== 'number') return bit(isOn(row, quantity))
  return scale && String(scaled(quantity, scale))
}

function bit(isOn: boolean): string {
  return isOn ? '1' : '0'
}

function scaled(value: number, { lowest, highest }: Scale): number {
  const part = (value - lowest) / (highest - lowest)
  return Math.round(Math.min(1, Math.max(0, part)) * highestReading)
}

/** The command that `value` is, written to the pin; undefined when it is none. */
export function writePin(
  { row, scale }: PinUse,
  value: string,
): Record<string, unknown> | undefined {
  const asked = row.form === 'number' ? askedNumber(value, scale) : askedPosition(row, value)
  return asked === undefined || !row.isCommanded ? undefined : { [row.key]: asked }
}

function askedPosition(row: ModelRow, value: string) {
  return value === '0' || value === '1' ? askFor(row, value === '1') : undefined
}

/** What 0 to 1023 asks for; whole numbers are all that percents and the like need. */
function askedNumber(value: string, scale: Scale | undefined): number | undefined {
  const part = /^\d{1,4}$/.test(value) ? Number(value) / highestReading : Number.NaN
  if (scale === undefined || !(part <= 1)) return undefined
  return Math.round(scale.lowest + part * (scale.highest - scale.lowest))
}

/** What the pin says once `value` was done: percents are coarser than ten bits. */
export function saidAfter(use: PinUse, value: string): string {
  const asked = writePin(use, value)?.[use.row.key]
  return typeof asked === 'number' && use.scale ? String(scaled(asked, use.scale)) : value
}

// --- the board: the values of pins now, and as they change ---

export interface Board {
  readonly pins: Pins
  /** What a pin says; undefined when that cannot be told. */
  value(pin: Pin): string | undefined
  /** Resolves when the pin says `value`, or after a second in any case. */
  untilSaid(pin: Pin, value: string): Promise<void>
  /** Calls `listener` with each pin that may say something else now; the returned function ends that. */
  onChange(listener: (pin: Pin) => void): () => void
  close(): void
}

interface BoardOptions {
  readonly pins: Pins
  readonly devices: SeenDevices
  readonly clock: Pick<AlarmClock, 'after'>
}

const longestMs = 1000

export function createBoard({ pins, devices, clock }: BoardOptions): Board {
  const listeners = new Set<(pin: Pin) => void>()
  const tell = (topic: string) => {
    for (const pin of pins.of(topic)) for (const listener of listeners) listener(pin)
  }
  const memory = createEventMemory({
    clock,
    onAbsence: (number) => {
      const device = devices.get(number)
      if (device !== undefined) tell(device.topic)
    },
  })
  const numbers = new Map<string, number>()
  const learn = (device: SeenDevice) => {
    for (const { row, topic } of pins.of(device.topic)) {
      numbers.set(topic, device.number)
      memory.report(device, row)
    }
  }
  for (const device of devices.all()) learn(device)
  const stop = devices.onEvent((event, device) => {
    if (event !== 'deleted') learn(device)
    else if (numbers.delete(device.topic)) memory.forget(device.number)
    tell(device.topic)
  })
  const valueNow = (pin: Pin) => {
    const number = numbers.get(pin.topic)
    const device = number === undefined ? undefined : devices.get(number)
    return device && readPin(pin, device, memory)
  }
  const onChange = (listener: (pin: Pin) => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  return {
    pins,
    value: valueNow,
    untilSaid: (pin, value) => {
      if (valueNow(pin) === value) return Promise.resolve()
      return new Promise((resolve) => {
        const end = () => {
          stopWaiting()
          stopListening()
          resolve()
        }
        const stopWaiting = clock.after(longestMs, end)
        const stopListening = onChange((changed) => {
          if (changed.index === pin.index && valueNow(pin) === value) end()
        })
      })
    },
    onChange,
    close: () => {
      stop()
      memory.close()
      pins.close()
    },
  }
}
