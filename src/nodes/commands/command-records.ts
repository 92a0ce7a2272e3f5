import type { Bus } from '../../bus/bus.ts'
import { Payload } from '../../core/payload.ts'
import type { Receipt } from '../../core/receipt.ts'
import type { Store } from '../../store/store.ts'
import type { Command } from './command-life.ts'

/** What is known of the last command to a device, in the store and on its topic below `$SYS`. */
export interface CommandRecord extends Receipt {
  readonly id: string
  /** The user. */
  readonly by: string
  readonly way: string
  readonly asked: unknown
  /** When it was accepted or refused, and when its device should have obeyed, as ISO 8601 in UTC. */
  readonly at: string
  readonly until: string
}

export interface CommandRecordsOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly store: Store
  /** How many devices are remembered. */
  readonly devices: number
  /** Called for each command that had not ended when the hub did. */
  onUnknown(id: string, receipt: Receipt): void
}

export interface CommandRecords {
  /** Tells everybody who may read the device what has become of a command. */
  tell(command: Command, receipt: Receipt): void
}

const keyPrefix = 'command/'

/** Where the life of the last command to `device` is told. */
function lifeTopic(device: string): string {
  return `$SYS/hub/commands/${device}`
}

/**
 * Keeps the last command to each device over a restart. One that had not ended is `unknown` from then
 * on: its node may have obeyed or not, and it is never sent again.
 */
export async function openCommandRecords(options: CommandRecordsOptions): Promise<CommandRecords> {
  const { bus, store, devices } = options
  const known = new Set<string>()
  const write = (device: string, value: Buffer | undefined) =>
    void store.write([{ key: keyPrefix + device, value }])
  const publish = (device: string, payload: Payload, retain: boolean) =>
    bus.publish({ topic: lifeTopic(device), payload, qos: 0, retain })
  const keep = (device: string, record: CommandRecord) => {
    const payload = payloadOf(record)
    publish(device, payload, true)
    write(device, payload.bytes)
    known.delete(device)
    known.add(device)
    for (const oldest of known) {
      if (known.size <= devices) break
      known.delete(oldest)
      publish(oldest, nothing, true)
      write(oldest, undefined)
    }
  }
  for await (const [key, value] of store.entries(keyPrefix)) {
    const record: CommandRecord = JSON.parse(value.toString())
    const isOver = record.final === true
    keep(key.slice(keyPrefix.length), isOver ? record : { ...record, ...unknown })
    if (!isOver) options.onUnknown(record.id, { ...unknown, afterMs: record.afterMs })
  }
  return {
    tell: (command, receipt) => {
      // It is sent in the same turn.
      if (receipt.receipt === 'accepted') return
      const record = recordOf(command, receipt)
      // What was never sent does not take the place of what may still be under way.
      if (isRefused(receipt)) publish(command.device, payloadOf(record), false)
      else keep(command.device, record)
    },
  }
}

const unknown = { receipt: 'unknown', final: true } as const

const nothing = new Payload(Buffer.alloc(0))

function payloadOf(record: CommandRecord): Payload {
  return Payload.ofJson(JSON.stringify(record), record)
}

function recordOf({ id, sender, asked, at, timeoutMs }: Command, receipt: Receipt): CommandRecord {
  const until = new Date(at.getTime() + timeoutMs)
  const { user: by, way } = sender
  return { ...receipt, id, by, way, asked, at: at.toISOString(), until: until.toISOString() }
}

function isRefused({ receipt }: Receipt): boolean {
  return receipt === 'refused' || receipt === 'node-offline'
}
