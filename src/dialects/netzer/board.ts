/** The pins as one sees them: their values now, and as they change. */
import type { AlarmClock } from '../../core/clock.ts'
import type { SeenDevice, SeenDevices } from '../../nodes/served/seen-devices.ts'
import { createEventMemory } from '../event-memory.ts'
import { readPin } from './pin-value.ts'
import type { Pin, Pins } from './pins.ts'

export interface Board {
  readonly pins: Pins
  /** What a pin says; undefined when that cannot be told. */
  value(pin: Pin): string | undefined
  /** Calls `listener` with each pin that may say something else now; the answer ends that. */
  onChange(listener: (pin: Pin) => void): () => void
  close(): void
}

export interface BoardOptions {
  readonly pins: Pins
  readonly devices: SeenDevices
  readonly clock: Pick<AlarmClock, 'after'>
}

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
  return {
    pins,
    value: (pin) => {
      const number = numbers.get(pin.topic)
      const device = number === undefined ? undefined : devices.get(number)
      return device && readPin(pin, device, memory)
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      stop()
      memory.close()
      pins.close()
    },
  }
}
