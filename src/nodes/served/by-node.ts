import type { SeenDevice } from './seen-devices.ts'

/** The devices of one node, of which there is one at least. */
export type OfNode = readonly [SeenDevice, ...SeenDevice[]]

/** The nodes of `devices`, each by its devices, in the order in which they come. */
export function byNode(devices: readonly SeenDevice[]): OfNode[] {
  const nodes = new Map<number, [SeenDevice, ...SeenDevice[]]>()
  for (const device of devices) {
    const known = nodes.get(device.nodeNumber)
    if (known === undefined) nodes.set(device.nodeNumber, [device])
    else known.push(device)
  }
  return [...nodes.values()]
}
