/** What is known of hardware and how it is commanded: the part of the composition that knows nodes. */
import { followNodePresence, type NodePresenceOptions } from './access/node-presence.ts'
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import type { Closers } from './core/closers.ts'
import type { SampledLog } from './core/sampled-log.ts'
import type { ClownModel } from './nodes/clown-model.ts'
import { openCommandRecords } from './nodes/command-records.ts'
import { createCommands } from './nodes/commands.ts'
import { createIngress } from './nodes/ingress.ts'
import type { AdmitOrDrop } from './nodes/load-shedding.ts'
import { openNodes } from './nodes/open-nodes.ts'
import type { Store } from './store/store.ts'
import { type CommandRouteOptions, commandRoute } from './transports/command-route.ts'
import { nodesRoutes } from './transports/nodes-routes.ts'

export interface HardwareParts {
  readonly bus: Bus
  readonly store: Store
  readonly model: ClownModel
  readonly admit: AdmitOrDrop
  readonly access: Pick<CommandRouteOptions, 'asUser'> & NodePresenceOptions
  readonly clientAddress: CommandRouteOptions['clientAddress']
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

export async function openHardware({ limits }: Config, parts: HardwareParts) {
  const { bus, store, admit, access, clientAddress, onClose } = parts
  const presence = followNodePresence(access)
  onClose(presence.close)
  const nodes = await openNodes({ ...parts, limits, presence })
  onClose(nodes.close)
  const { registry, values } = nodes
  const { devices } = limits.nodes
  const records = await openCommandRecords({ bus, store, devices })
  const commands = createCommands({
    bus,
    guard: { check: () => {}, sent: () => {} },
    isOffline: (base) => registry.isOffline(base),
    timeoutMsOf: () => 5000,
    tell: records.tell,
    devices,
  })
  onClose(commands.close)
  const ingress = createIngress({ admit, commands })
  const { asUser } = access
  const pages = new Map([['/api/command', commandRoute({ asUser, clientAddress, admit: ingress })]])
  const api = nodesRoutes({ asUser, registry, values })
  return { ingress, pages, api, lastValuesBelow: values.below, answering: nodes.answering }
}
