/** What people change of devices: who may, and what becomes of it. Among several hubs the owner does it for all. */
import { rightsOf } from '../access/rights.ts'
import type { User } from '../access/user.ts'
import { HubError, quote } from '../core/errors.ts'
import { checkTopic, type TopicLimits } from '../core/topic.ts'
import type { ForgetRequest } from '../generated/forget.ts'
import type { LabelRequest } from '../generated/label.ts'
import type { LockRequest } from '../generated/lock.ts'
import type { ReplaceRequest } from '../generated/replace.ts'
import type { UnlockRequest } from '../generated/unlock.ts'
import { commandTopic, isDevice } from './device.ts'
import type { KeptOfDevices } from './kept-of-devices.ts'
import type { DeviceLabels } from './registry/device-labels.ts'
import type { LockOuts } from './relay-guard/lock-outs.ts'

type Change<Request> = (user: User, request: Request) => Promise<object>

/** Each resolves with what was changed, once that outlives the hub. The caller has seen to the role of the user. */
export interface DeviceChanges {
  /** @throws HubError `bad-topic` for what the user may not command, and as `LockOuts` does. */
  readonly lock: Change<LockRequest>
  readonly unlock: Change<UnlockRequest>
  /** @throws HubError as `DeviceLabels` does. */
  readonly label: Change<LabelRequest>
  /** @throws HubError as `KeptOfDevices` does. */
  readonly replace: Change<ReplaceRequest>
  readonly forget: Change<ForgetRequest>
}

interface ChangesParts {
  readonly lockOuts: Pick<LockOuts, 'lock' | 'unlock' | 'stored'>
  readonly topicLimits: TopicLimits
  readonly labels: Pick<DeviceLabels, 'change'>
  readonly kept: Pick<KeptOfDevices, 'replace' | 'forget'>
  /** Learns from what has arrived. */
  settle(): void
}

export function createChanges({ labels, kept, settle, ...locking }: ChangesParts): DeviceChanges {
  return {
    ...createLocking(locking),
    label: (user, request) => {
      settle()
      return labels.change(user, request)
    },
    replace: kept.replace,
    forget: (user, { device = '' }) => kept.forget(user, device),
  }
}

/** A tag that a person relies on: it is not acknowledged before it outlives the hub. */
export function createLocking({
  lockOuts,
  topicLimits,
}: Pick<ChangesParts, 'lockOuts' | 'topicLimits'>): Pick<DeviceChanges, 'lock' | 'unlock'> {
  return {
    lock: async (user, { device, reason }) => {
      checkDevice(device, user, topicLimits)
      const locked = lockOuts.lock(device, { by: user.name, reason })
      await lockOuts.stored()
      return locked
    },
    unlock: async (user, { device }) => {
      checkDevice(device, user, topicLimits)
      const unlocked = lockOuts.unlock(device) ?? null
      await lockOuts.stored()
      return { device, unlocked }
    },
  }
}

/** @throws HubError `bad-topic` */
function checkDevice(device: string, user: User, topicLimits: TopicLimits): void {
  const topic = commandTopic(device)
  checkTopic(topic, topicLimits)
  if (isDevice(device) && rightsOf(user).may('command', topic).allowed) return
  const expected = 'a device that you may command, as its topic without /set'
  throw new HubError('bad-topic', `expected ${expected}, got ${quote(device)}`)
}
