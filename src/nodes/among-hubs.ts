/**
 * What is different in a hub that is one of several before one broker: it commands only while it owns, asks the owner
 * else, and knows what it has to know when it takes over. A hub that is alone owns always, and nothing is different.
 */
import type { Bus } from '../bus/bus.ts'
import type { Hubs } from '../bus/foreign/hubs.ts'
import type { Closers } from '../core/callbacks.ts'
import { detached } from '../core/guard.ts'
import type { DeviceChanges } from './changes.ts'
import { type ChangesParts, changesAmongHubs } from './changes-among-hubs.ts'
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
  changesOf(changes: DeviceChanges, parts: Omit<ChangesParts, 'hubs'>): DeviceChanges
  /** Tells other hubs what each has to do with what it keeps itself. */
  tell(done: object): void
  /** Lets auto-off begin, now or when this hub owns. */
  begin(parts: TakeOverParts): void
  /** Does what other hubs tell. */
  follow(kept: Pick<KeptOfDevices, 'follow'>, onClose: Closers['add']): void
}

const alone: AmongHubs = {
  owns: () => true,
  sharing: {},
  commandsOf: (commands) => commands,
  changesOf: (changes) => changes,
  tell: () => {},
  begin: ({ relayGuard }) => relayGuard.start(),
  follow: () => {},
}

export function createAmongHubs(hubs: Hubs | undefined): AmongHubs {
  if (hubs === undefined) return alone
  const sharedGuard = createSharedGuard(hubs)
  return {
    owns: () => hubs.owns,
    sharing: { share: sharedGuard.share },
    commandsOf: (commands, parts) => commandsAmongHubs(commands, { ...parts, hubs }),
    changesOf: (changes, parts) => changesAmongHubs(changes, { ...parts, hubs }),
    tell: (done) => hubs.tell(done),
    begin: (parts) => followOwner(hubs, sharedGuard, parts),
    follow: (kept, onClose) => onClose(hubs.onTold((told) => detached(kept.follow(told)))),
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
