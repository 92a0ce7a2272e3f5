/** What a pin says of its device, and what it asks of it. */
import type { SeenDevice } from '../../nodes/served/seen-devices.ts'
import type { EventMemory } from '../event-memory.ts'
import { type ModelRow, readQuantity } from '../model-table.ts'

/** A value between these two is read as 0 to 1023. */
export interface Scale {
  readonly lowest: number
  readonly highest: number
}

/** What a pin is of a device. */
export interface PinUse {
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
  if (typeof quantity === 'boolean') return bit(quantity)
  if (typeof quantity === 'string') return bit(quantity !== 'off')
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
export function writePin({ row }: PinUse, value: string): Record<string, unknown> | undefined {
  if (!row.isCommanded || (value !== '0' && value !== '1')) return undefined
  const isOn = value === '1'
  if (row.form === 'switch') return { [row.key]: isOn }
  return row.form === 'choice' ? { [row.key]: isOn ? 'on' : 'off' } : undefined
}
