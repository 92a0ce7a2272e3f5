import type { Receipt } from './types.ts'

/** Why something was not done. `code` is stable: docs/errors.md has those of the hub. */
export class ClownHubError extends Error {
  // Written out, here and below: the names of classes are shortened in client.js.
  override readonly name: string = 'ClownHubError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** There is no connection now: nothing was sent, and nothing waits to be. */
export class OfflineError extends ClownHubError {
  override readonly name = 'OfflineError'

  constructor() {
    super('offline', 'expected a connection to the hub, which there is not now: nothing was sent')
  }
}

/** A command that did not end well. `receipt` is the last that the hub told of it. */
export class CommandError extends ClownHubError {
  override readonly name: string = 'CommandError'
  readonly device: string
  readonly receipt: Receipt

  constructor(device: string, receipt: Receipt) {
    const { receipt: name, code = name, message = sentences[name] } = receipt
    super(code, `${device}: ${message}`)
    this.device = device
    this.receipt = receipt
  }
}

const sentences: Readonly<Record<Receipt['receipt'], string>> = {
  accepted: 'the hub has accepted the command',
  sent: 'the command was sent',
  confirmed: 'the device reports what was asked for',
  'confirmed-late': 'the device reports what was asked for, but late',
  'already-so': 'the device had reported that before, and has not said it again',
  refused: 'the command was refused, and not sent',
  'node-offline': 'the node is away, and nothing was sent',
  'timed-out': 'the device did not report what was asked for in time',
  mismatch: 'the device reports another state',
  superseded: 'a later command took the place of this one',
  unknown: 'the connection or the hub ended before the device answered',
}

/** It was not sent; `code` says why: `locked`, `interlocked`, `too-fast`, `bad-payload`, `unknown-device`, `forbidden`, … */
export class CommandRefusedError extends CommandError {
  override readonly name = 'CommandRefusedError'
}
/** It was not sent, since its node is away. */
export class NodeOfflineError extends CommandError {
  override readonly name = 'NodeOfflineError'
}
/** The device did not report in time what was asked for. It may have done so all the same. */
export class CommandTimedOutError extends CommandError {
  override readonly name = 'CommandTimedOutError'
}
/** The device reports another state. */
export class CommandMismatchError extends CommandError {
  override readonly name = 'CommandMismatchError'
}
/** A later command took its place. */
export class CommandSupersededError extends CommandError {
  override readonly name = 'CommandSupersededError'
}
/** The connection or the hub ended meanwhile. It is not sent again by itself. */
export class CommandUnknownError extends CommandError {
  override readonly name = 'CommandUnknownError'
}

type CommandErrorClass = new (device: string, receipt: Receipt) => CommandError

const classes: Readonly<Partial<Record<Receipt['receipt'], CommandErrorClass>>> = {
  refused: CommandRefusedError,
  'node-offline': NodeOfflineError,
  'timed-out': CommandTimedOutError,
  mismatch: CommandMismatchError,
  superseded: CommandSupersededError,
  unknown: CommandUnknownError,
}

/** What a command is rejected with that has ended so; undefined when it ended well. */
export function commandErrorOf(device: string, receipt: Receipt): CommandError | undefined {
  const errorClass = classes[receipt.receipt]
  return errorClass && new errorClass(device, receipt)
}
