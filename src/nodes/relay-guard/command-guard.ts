import type { Sender } from '../../access/sender.ts'
import type { CommandGuard } from '../commands/commands.ts'
import { switchOf } from '../switch-state.ts'
import type { DeviceRules } from './device-rules.ts'
import type { RelayGuard } from './relay-guard.ts'

/** How the hub turns off what has been on for long enough. It is no user, and has no rate. */
export const autoOff: Sender = {
  user: 'hub',
  rights: { mayPublish: () => ({ allowed: true, reason: 'the hub does so itself' }) },
  address: 'hub',
  way: 'auto-off',
}

export interface CommandGuardParts {
  /** Counts a command of a user; throws HubError `too-fast`. */
  takeRate(user: string): void
  /** Whether a profile knows the device: a command to any other one is a message like others. */
  isKnown(device: string): boolean
  readonly relayGuard: Pick<RelayGuard, 'check' | 'checkLock' | 'sent' | 'reported'>
  readonly rules: DeviceRules
}

/** What a command has to pass before it is sent: the rate of its user, and the guard of its device. */
export function createCommandGuard(parts: CommandGuardParts): CommandGuard {
  const { takeRate, isKnown, relayGuard, rules } = parts
  return {
    count: ({ device, sender }) => {
      if (sender !== autoOff && isKnown(device)) takeRate(sender.user)
    },
    check: ({ device, message, sender }) => {
      const command = { device, asked: message.payload.value }
      if (sender !== autoOff) return relayGuard.check(command)
      relayGuard.checkLock(command)
      return undefined
    },
    turnsOff: ({ message }) => switchOf(message.payload.value) === 'off',
    isOwn: ({ sender }) => sender === autoOff,
    sent: ({ device, message }) => relayGuard.sent({ device, asked: message.payload.value }),
    reported: ({ topic, payload }) => {
      // What no rule is about is not decoded for this.
      if (rules(topic).isGuarded) relayGuard.reported(topic, payload.value)
    },
  }
}
