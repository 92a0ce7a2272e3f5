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
  /** Resolves when the pin says `value`, or after a second in any case. */
  untilSaid(pin: Pin, value: string): Promise<void>
  /** Calls `listener` with each pin that may say something else now; the answer ends that. */
  onChange(listener: (pin: Pin) => void): () => void
  close(): void
}

export interface BoardOptions {
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
