import { closest } from 'fastest-levenshtein'
import type { Sender } from '../../access/sender.ts'
import { HubError, quote } from '../../core/errors.ts'
import { commandTopic, deviceOf } from '../device.ts'
import type { Registry } from './registry.ts'

/** Of a node with more devices, the nearest name is looked for among so many. */
const comparedDevices = 256

/**
 * Checks that the node of a commanded device has it, when it has listed its devices: nobody else obeys. Names
 * the nearest device that `sender` may command.
 *
 * @throws HubError `unknown-device`
 */
export function checkKnown(
  { device, sender }: { readonly device: string; readonly sender: Sender },
  registry: Pick<Registry, 'device' | 'nodes'>,
): void {
  if (sender.force || registry.device(device) !== undefined) return
  const { base, name } = deviceOf(device)
  const node = registry.nodes.get(base)
  if (!node?.hasListed) return
  const names = [...node.devices.values()]
    .slice(0, comparedDevices)
    .filter(({ topic }) => sender.rights.mayPublish(commandTopic(topic), false).allowed)
    .map((known) => known.name)
  const nearest = names.length === 0 ? '' : `; the nearest is ${quote(closest(name, names))}`
  const expected = `expected a device that the node ${quote(base)} has`
  throw new HubError('unknown-device', `${expected}, got ${quote(name)}${nearest}`)
}
