/**
 * What is different in a hub that is one of several before one broker: it commands only while it owns, asks the owner
 * else, and knows what it has to know when it takes over. A hub that is alone owns always, and nothing is different.
 */
import type { Bus } from '../bus/bus.ts'
import type { Hubs } from '../bus/foreign/hubs.ts'
import type { Closers } from '../core/callbacks.ts'
import { type CommandRecords, lifeTopic } from './commands/command-records.ts'
import type { Commands } from './commands/commands.ts'
import { type AmongHubsParts, commandsAmongHubs } from './commands/commands-among-hubs.ts'
import type { KeptOfDevices } from './kept-of-devices.ts'
import type { GuardParts } from './relay-guard/device-rules.ts'
import type { RelayGuard } from './relay-guard/relay-guard.ts'
import { createSharedGuard, type SharedGuard } from './relay-guard/shared-guard.ts'

interface TakeOverParts {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly commandRecords: Pick<CommandRecords, 'heard' | 'takeOver'>
  readonly relayGuard: Pick<RelayGuard, 'start' | 'pause'>
  readonly commands: Pick<Commands, 'yielded'>
  readonly onClose: Closers['add']
}

export interface AmongHubs {
  /** Whether this hub commands now. */
  owns(): boolean
  /** For the tables whose entries the next owner has to know. */
  readonly sharing: Pick<GuardParts, 'share'>
  commandsOf(commands: Commands, parts: Omit<AmongHubsParts, 'hubs'>): Commands
  lockOutsOf(lockOuts: RelayGuard['lockOuts']): RelayGuard['lockOuts']
  keptOf(kept: KeptOfDevices): KeptOfDevices
  /** Lets auto-off begin, now or when this hub owns. */
  begin(parts: TakeOverParts): void
}

const alone: AmongHubs = {
  owns: () => true,
  sharing: {},
  commandsOf: (commands) => commands,
  lockOutsOf: (lockOuts) => lockOuts,
  keptOf: (kept) => kept,
  begin: ({ relayGuard }) => relayGuard.start(),
}

export function createAmongHubs(hubs: Hubs | undefined): AmongHubs {
  if (hubs === undefined) return alone
  const sharedGuard = createSharedGuard(hubs)
  const checkOwns = () => {
    if (!hubs.owns) throw hubs.refusal()
  }
  return {
    owns: () => hubs.owns,
    sharing: { share: sharedGuard.share },
    commandsOf: (commands, parts) => commandsAmongHubs(commands, { ...parts, hubs }),
    // Only the owner locks: whoever is told that a device is locked relies on that.
    lockOutsOf: (lockOuts) => ({
      list: lockOuts.list,
      lock: (...locked) => {
        checkOwns()
        return lockOuts.lock(...locked)
      },
      unlock: (...unlocked) => {
        checkOwns()
        return lockOuts.unlock(...unlocked)
      },
      stored: async () => {
        await Promise.all([lockOuts.stored(), hubs.kept()])
      },
    }),
    // A part of what is kept of a device is what the owner guards.
    keptOf: (kept) => ({
      ...kept,
      replace: async (...replaced) => {
        checkOwns()
        return kept.replace(...replaced)
      },
      forget: async (...forgotten) => {
        checkOwns()
        return kept.forget(...forgotten)
      },
    }),
    begin: (parts) => followOwner(hubs, sharedGuard, parts),
  }
}

function followOwner(hubs: Hubs, sharedGuard: SharedGuard, parts: TakeOverParts): void {
  const { bus, commandRecords, relayGuard, commands, onClose } = parts
  const lives = lifeTopic('')
  const stopHearing = bus.subscribe(`${lives}#`, ({ topic, payload, retain }) => {
    if (retain && !hubs.owns) commandRecords.heard(topic.slice(lives.length), payload.value)
  })
  onClose(stopHearing)
  const stopFollowing = hubs.onChange((owns) => {
    if (owns) {
      sharedGuard.takeOver()
      commandRecords.takeOver()
      relayGuard.start()
    } else {
      relayGuard.pause()
      commands.yielded(hubs.refusal())
    }
  })
  onClose(stopFollowing)
}
