/** What is known of hardware and how it is commanded: the part of the composition that knows nodes. */
import type { Bus } from './bus/bus.ts'
import type { Config } from './config.ts'
import type { Closers } from './core/closers.ts'
import type { SampledLog } from './core/sampled-log.ts'
import { openCommandRecords } from './nodes/command-records.ts'
import { createCommands } from './nodes/commands.ts'
import { createIngress } from './nodes/ingress.ts'
import { keepLastValues } from './nodes/last-values.ts'
import type { AdmitOrDrop } from './nodes/load-shedding.ts'
import type { Store } from './store/store.ts'
import { type CommandRouteOptions, commandRoute } from './transports/command-route.ts'

export interface HardwareParts {
  readonly bus: Bus
  readonly store: Store
  readonly admit: AdmitOrDrop
  readonly access: Pick<CommandRouteOptions, 'asUser'>
  readonly clientAddress: CommandRouteOptions['clientAddress']
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
}

export async function openHardware({ limits }: Config, parts: HardwareParts) {
  const { bus, store, admit, access, clientAddress, onClose } = parts
  const lastValues = keepLastValues(bus, limits)
  onClose(lastValues.close)
  const devices = 10_000
  const records = await openCommandRecords({ bus, store, devices })
  const commands = createCommands({
    bus,
    guard: { check: () => {}, sent: () => {} },
    isOffline: () => false,
    timeoutMsOf: () => 5000,
    tell: records.tell,
    devices,
  })
  onClose(commands.close)
  const ingress = createIngress({ admit, commands })
  const { asUser } = access
  const pages = new Map([['/api/command', commandRoute({ asUser, clientAddress, admit: ingress })]])
  return { ingress, pages, lastValuesBelow: lastValues.below }
}
