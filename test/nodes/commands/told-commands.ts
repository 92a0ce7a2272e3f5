import type { Sender } from '../../../src/access/sender.ts'
import type { AuditLog } from '../../../src/nodes/commands/audit-log.ts'
import type { Command } from '../../../src/nodes/commands/command-life.ts'

const sender: Sender = {
  user: 'ann',
  rights: { mayPublish: () => ({ allowed: true, reason: '' }) },
  address: '192.0.2.1',
  way: 'clown-talk',
}

/** A command of Ann's to a relay, but for `fields`. */
export function commandOf(fields: Partial<Command> & Pick<Command, 'id'>): Command {
  const [device, asked] = ['nodes/bridge/0/relay/i2c0-3b', { state: true }]
  const at = new Date(0)
  const sent = { goal: asked, isConfirmable: true, isObserved: false, topics: [`${device}/set`] }
  return {
    device,
    asked,
    ...sent,
    isAccepted: true,
    sender,
    qos: 1,
    at,
    timeoutMs: 5000,
    ...fields,
  }
}

/** Tells of `count` commands that are confirmed at once; their ids count from `first`. */
export function tellMany(log: AuditLog, count: number, first = 0): void {
  for (let at = first; at < first + count; at++) {
    const command = commandOf({ id: String(at), at: new Date(at) })
    log.tell(command, { receipt: 'accepted', afterMs: 0 })
    log.tell(command, { receipt: 'sent', afterMs: 1 })
    log.tell(command, { receipt: 'confirmed', afterMs: 7 })
  }
}
