import type { Bus } from '../../bus/bus.ts'
import { type Clock, isoTime } from '../../core/clock.ts'
import { fieldOf } from '../../core/json.ts'
import { Payload } from '../../core/payload.ts'
import { stateKey } from '../switch-state.ts'
import type { AuditLog } from './audit-log.ts'
import { type LastReport, quotedAsked } from './command-life.ts'
import { lifeTopic } from './command-records.ts'

/** A change of a device that no command asked for. */
export interface OwnChange {
  readonly device: string
  readonly at: Date
  /** What it reports; of a long payload the beginning of its text. */
  readonly reported: unknown
  /** What changed it, where the device itself says so, such as `switch`. */
  readonly source?: string
}

export interface OwnChangesOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly auditLog: Pick<AuditLog, 'changed'>
  readonly clock: Pick<Clock, 'wallMs'>
  /** What a device has reported last; undefined when its state was not known. */
  lastReportOf(device: string): LastReport | undefined
  /** Whether this hub commands: any other one does not know who has asked for a change. */
  owns(): boolean
}

/** A longer word tells nothing. */
const longestSource = 64

/**
 * Tells of an actuator that reports another state than before though nobody asked for it: somebody has pressed its
 * own button, or it was switched by what we know nothing of. Where nothing was known, nothing has changed.
 */
export function createOwnChanges(options: OwnChangesOptions) {
  const { bus, auditLog, clock, lastReportOf, owns } = options
  return {
    /** An actuator has reported, and that is the answer to no command. */
    reported: (device: string, { value }: Pick<Payload, 'value'>): void => {
      const before = owns() ? lastReportOf(device) : undefined
      if (before === undefined || stateKey(before.value) === stateKey(value)) return
      const source = fieldOf(value, 'source')
      const at = new Date(clock.wallMs())
      const isTold = typeof source === 'string' && source.length <= longestSource
      const reported = quotedAsked({ asked: value })
      auditLog.changed({ device, at, reported, ...(isTold && { source }) })
      const told = { receipt: 'by-itself', reported, ...(isTold && { source }), at: isoTime(+at) }
      const payload = Payload.ofValue(told)
      bus.publish({ topic: lifeTopic(device), payload, qos: 0, retain: false })
    },
  }
}
