import type {
  DeviceEvent,
  DeviceListener,
  SeenDevice,
  SeenDevices,
} from '../../src/nodes/served/seen-devices.ts'

/** A relay of the simulated node, or what `given` makes of it. */
export function seenDevice(given: Partial<SeenDevice> = {}): SeenDevice {
  return {
    number: 2,
    topic: 'nodes/bridge/0/relay/i2c0-3b',
    firstTopic: given.topic ?? 'nodes/bridge/0/relay/i2c0-3b',
    base: 'nodes/bridge/0',
    name: 'relay/i2c0-3b',
    kind: 'relay',
    role: 'actuator',
    nodeNumber: 1,
    value: { state: false },
    keys: new Set(Object.keys(Object(given.value ?? { state: false }))),
    isKnown: true,
    heardAtMs: 0,
    online: true,
    ...given,
  }
}

/** The device of this name below `nodes/bridge/0`. */
export function deviceNamed(
  number: number,
  name: string,
  given: Partial<SeenDevice> = {},
): SeenDevice {
  const [kind = ''] = name.split('/')
  return seenDevice({ number, name, kind, topic: `nodes/bridge/0/${name}`, ...given })
}

/** Devices that a test brings, changes and takes away. */
export function changingDevices(...devices: readonly SeenDevice[]) {
  const there = new Map(devices.map((device) => [device.number, device]))
  const listeners = new Set<DeviceListener>()
  const seen: SeenDevices = {
    all: () => [...there.values()],
    get: (number) => there.get(number),
    onEvent: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const tell = (event: DeviceEvent, device: SeenDevice) => {
    if (event === 'deleted') there.delete(device.number)
    else there.set(device.number, device)
    for (const listener of listeners) listener(event, device)
  }
  return { seen, tell, listeners }
}
