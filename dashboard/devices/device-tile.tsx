import type { JSX } from 'preact'
import type { Device } from './house.ts'
import { SensorTile } from './sensor-tile.tsx'
import { isCommanded, SwitchTile } from './switch-tile.tsx'

/** What a device says, and what can be asked of it. */
export function DeviceTile(props: { device: Device; isAlone?: boolean }): JSX.Element {
  return isCommanded(props.device) ? <SwitchTile {...props} /> : <SensorTile {...props} />
}
