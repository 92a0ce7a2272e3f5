import { postJson } from '../api.ts'
import { type Device, setLabel } from './house.ts'

type Change = Readonly<Record<string, string | number | boolean | null>>

/** Says to the hub what a device is called, or how long it may be on: for everybody. */
export async function relabel(device: Device, change: Change): Promise<void> {
  const response = await postJson('api/label', { device: device.topic, ...change })
  setLabel(device, Object(await response.json()))
}
