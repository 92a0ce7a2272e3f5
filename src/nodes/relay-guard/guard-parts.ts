import type { AlarmClock } from '../../core/clock.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Store } from '../../store/store.ts'
import type { DeviceRules } from './device-rules.ts'

/** What the parts of the relay guard have in common. */
export interface GuardParts {
  readonly rules: DeviceRules
  readonly store: Store
  readonly sampledLog: SampledLog
  /** Whether a profile knows a device, and so what a command asks it for. */
  isKnown(device: string): boolean
  /** What a device reported last, decoded; undefined when it never did. */
  lastValueOf(device: string): unknown
  /** Milliseconds since 1970 that never jump: the time of day at the start, counted on steadily. */
  now(): number
  readonly after: AlarmClock['after']
}
