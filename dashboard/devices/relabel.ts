import { postJson } from '../api.ts'
import { type Device, relabelled } from './house.ts'

type Change = Readonly<Record<string, string | number | boolean | null>>

/** Says to the hub what a device is called, or how long it may be on: for everybody. */
export async function relabel(device: Device, change: Change): Promise<void> {
  const response = await postJson('api/label', { device: device.topic, ...change })
  relabelled(device, Object(await response.json()))
}
