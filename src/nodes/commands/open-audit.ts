import type { Bus } from '../../bus/bus.ts'
import { type Closers, createDeferred, type Deferred } from '../../core/callbacks.ts'
import { detached } from '../../core/guard.ts'
import type { DeepReadonly } from '../../core/json.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Trace } from '../../core/trace.ts'
import type { Config } from '../../generated/config.ts'
import type { Store } from '../../store/store.ts'
import type { Registry } from '../registry/registry.ts'
import { openAuditFile } from './audit-file.ts'
import { type AuditLog, createAuditLog, keepAuditLines } from './audit-log.ts'
import { type CommandRecords, openCommandRecords } from './command-records.ts'
import type { CommandsOptions } from './commands.ts'

interface AuditParts {
  readonly registry: Pick<Registry, 'obeyed'>
  readonly bus: Pick<Bus, 'publish'>
  readonly store: Store
  readonly sampledLog: SampledLog
  readonly trace: Pick<Trace, 'told'>
  readonly onClose: Closers['add']
}

interface Audit extends Pick<CommandsOptions, 'tell' | 'whenKept'> {
  readonly auditLog: AuditLog
  readonly commandRecords: CommandRecords
  readonly deferred: Deferred
}

/**
 * What is written of commands: that they are accepted before they go out, so that a kill leaves it, and all else a moment
 * after: none waits for that, but for a device whose rules say so.
 */
export async function openAudit(config: DeepReadonly<Config>, parts: AuditParts): Promise<Audit> {
  const { registry, store, sampledLog, trace, onClose } = parts
  const { folder } = config.data
  const { devices } = config.limits.nodes
  const lines = folder ? openAuditFile({ folder, sampledLog }) : keepAuditLines()
  const auditLog = createAuditLog({ lines, sampledLog })
  onClose(auditLog.close, 'audit log')
  const commandRecords = await openCommandRecords({
    ...parts,
    devices,
    onUnknown: auditLog.ended,
  })
  const deferred = createDeferred()
  onClose(deferred.close)
  const tell: CommandsOptions['tell'] = (command, receipt) => {
    const hasObeyed = receipt.receipt === 'confirmed' || receipt.receipt === 'confirmed-late'
    if (hasObeyed) registry.obeyed(command.device)
    trace.told(command.traced, receipt)
    if (receipt.receipt === 'accepted') {
      auditLog.tell(command, receipt)
      return
    }
    deferred.do(() => {
      auditLog.tell(command, receipt)
      commandRecords.tell(command, receipt)
    })
  }
  const whenKept: CommandsOptions['whenKept'] = (act) => {
    deferred.close()
    // What is never written ends with the hub.
    detached(Promise.all([store.write([]), auditLog.synced()]).then(act, () => {}))
  }
  return { auditLog, commandRecords, deferred, tell, whenKept }
}
