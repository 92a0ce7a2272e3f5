import type { Bus } from '../../bus/bus.ts'
import type { Receipt } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { validateCommandEntry } from '../../generated/validate-stored.js'
import type { Store } from '../../store/store.ts'
import { openStoredTable } from '../../store/stored-table.ts'
import { type Command, quotedAsked } from './command-life.ts'

/** What is known of the last command to a device, in the store and on its topic below `$SYS`. */
export interface CommandRecord extends Receipt {
  readonly id: string
  /** The user. */
  readonly by: string
  readonly way: string
  /** The payload; of a long one the beginning of its text. */
  readonly asked?: unknown
  /** When it was accepted or refused, and when its device should have obeyed, as ISO 8601 in UTC. */
  readonly at: string
  readonly until: string
}

export interface CommandRecordsOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly store: Store
  readonly sampledLog: SampledLog
  /** How many devices are remembered. */
  readonly devices: number
  /** Called for each command that had not ended when the hub did. */
  onUnknown(id: string, receipt: Receipt): void
}

export interface CommandRecords {
  /** Tells everybody who may read the device what has become of a command. */
  tell(command: Command, receipt: Receipt): void
  /** Nobody is told of the last command to a device any more. */
  forget(device: string): void
  /** What another hub has told of the last command to a device. */
  heard(device: string, record: unknown): void
  /** Whoever told of commands before is gone: what had not ended is unknown. */
  takeOver(): void
}

/** Where the life of the last command to `device` is told. */
export function lifeTopic(device: string): string {
  return `$SYS/hub/commands/${device}`
}

/**
 * Keeps the last command to each device over a restart. One that had not ended is `unknown` from then
 * on: its node may have obeyed or not, and it is never sent again.
 */
export async function openCommandRecords(options: CommandRecordsOptions): Promise<CommandRecords> {
  const { bus, store, devices, sampledLog } = options
  const publish = (device: string, payload: Payload, retain: boolean) =>
    bus.publish({ topic: lifeTopic(device), payload, qos: 0, retain })
  const records = await openStoredTable<CommandRecord>({
    store,
    sampledLog,
    name: 'command',
    maxSize: devices,
    validate: validateCommandEntry,
    onForgotten: (device) => publish(device, nothing, true),
  })
  const keep = (device: string, record: CommandRecord) => {
    publish(device, Payload.ofValue(record), true)
    records.set(device, record)
  }
  const lose = (device: string, record: CommandRecord) => {
    keep(device, { ...record, ...unknown })
    options.onUnknown(record.id, { ...unknown, afterMs: record.afterMs })
  }
  for (const [device, record] of [...records.entries()]) {
    if (record.final) publish(device, Payload.ofValue(record), true)
    else lose(device, record)
  }
  return {
    takeOver: () => {
      for (const [device, record] of [...records.entries()]) if (!record.final) lose(device, record)
    },
    heard: (device, record) => {
      if (validateCommandEntry(record)) records.set(device, record)
      else records.delete(device)
    },
    forget: (device) => {
      if (records.get(device) === undefined) return
      records.delete(device)
      publish(device, nothing, true)
    },
    tell: (command, receipt) => {
      // Most are sent in the same turn; one that waits for it does not hide the one before.
      if (receipt.receipt === 'accepted') return
      const record = recordOf(command, receipt)
      // What was never sent does not take the place of what may still be under way.
      if (command.sentAt === undefined) publish(command.device, Payload.ofValue(record), false)
      else keep(command.device, record)
    },
  }
}

const unknown = { receipt: 'unknown', final: true } as const

const nothing = new Payload(Buffer.alloc(0))

function recordOf(command: Command, receipt: Receipt): CommandRecord {
  const { id, sender, at, sentAt = at, timeoutMs } = command
  const until = new Date(sentAt.getTime() + timeoutMs).toISOString()
  const { user: by, way } = sender
  return { ...receipt, id, by, way, asked: quotedAsked(command), at: at.toISOString(), until }
}
