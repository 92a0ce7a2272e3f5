import type { ClownModel } from '../clown-model.ts'
import type { KnownDevice } from './device-table.ts'
import type { DeviceRole } from './node-message.ts'
import { rhythmOf } from './rhythm.ts'

/** These tell of events. */
const eventKinds: ReadonlySet<string> = new Set(['push-button', 'boot'])

/** These measure, but report when something moves, and not by the clock. */
const unsteadyKinds: ReadonlySet<string> = new Set(['pir'])

/** What its node says that a device does, or else what its kind and its obedience tell: anybody may command a sensor. */
export function roleOf(
  { topic, kind, listed, hasObeyed }: KnownDevice,
  model: Pick<ClownModel, 'takesCommands'>,
): DeviceRole {
  if (listed !== undefined) return listed.role
  if (hasObeyed || model.takesCommands(topic)) return 'actuator'
  return eventKinds.has(kind) ? 'notification' : 'sensor'
}

/** How often a device is expected to report, in milliseconds; undefined when it is not expected to. */
export function expectedRhythmOf({ role, kind, intervalsMs }: KnownDevice): number | undefined {
  const isSteady = role === 'sensor' && !unsteadyKinds.has(kind)
  return isSteady ? rhythmOf(intervalsMs) : undefined
}
