import { randomUUID } from 'node:crypto'
import type { Sender } from '../../access/sender.ts'
import type { Bus } from '../../bus/bus.ts'
import { type AlarmClock, systemClock } from '../../core/clock.ts'
import { HubError, quote } from '../../core/errors.ts'
import type { Message } from '../../core/message.ts'
import type { Receipt } from '../../core/receipt.ts'
import { RecencyMap } from '../../core/recency-map.ts'
import { deviceOf } from '../device.ts'
import { type Command, CommandLife } from './command-life.ts'

/** What is asked of a device. */
export interface Request {
  /** The topic of the device. */
  readonly device: string
  /** As it goes on the bus. */
  readonly message: Message
  readonly sender: Sender
}

/** What may stand against a command, such as the relay guard. */
export interface CommandGuard {
  /** @throws HubError when the command is not to be sent. */
  check(request: Request): void
  /** The command is being sent. */
  sent(request: Request): void
  /** A device has reported. */
  reported(report: Message): void
}

export interface CommandsOptions {
  readonly bus: Pick<Bus, 'publish'>
  readonly guard: CommandGuard
  /** Whether the node of a base is known to be away. */
  isOffline(base: string): boolean
  timeoutMsOf(device: string): number
  /** Called with each receipt of each command. */
  tell(command: Command, receipt: Receipt): void
  /** How many devices are remembered with their last commands. */
  readonly devices: number
  readonly clock?: AlarmClock
}

/** Follows each command from its acceptance to its end, whatever way it came in. */
export interface Commands {
  /**
   * Sends a command to its device, in place of the one before, and tells what becomes of it.
   *
   * @throws HubError when it is refused: nothing was sent then, and the command before goes on.
   */
  take(request: Request): void
  /** Tells that a command was refused. Who does not watch it learns by `error`, which is thrown. */
  refuse(request: Request, error: HubError): void
  /** A device has reported, by somebody who may speak for its node. */
  reported(report: Message): void
  /** Commands under way end as unknown. */
  close(): void
}

export function createCommands(options: CommandsOptions): Commands {
  const { bus, guard, isOffline, timeoutMsOf, tell, clock = systemClock } = options
  const lives = new RecencyMap<string, CommandLife>()
  const begin = (request: Request) => {
    const { device } = request
    const before = lives.get(device)
    const life = new CommandLife(commandOf(request), { clock, before, tell })
    lives.set(device, life)
    return life
  }
  const makeRoom = () => {
    for (const [device, life] of lives.entries()) {
      if (lives.size <= options.devices) break
      life.lose()
      lives.delete(device)
    }
  }
  const commandOf = ({ device, message, sender }: Request): Command => ({
    id: randomUUID(),
    device,
    asked: message.payload.value,
    sender,
    at: new Date(),
    timeoutMs: sender.timeoutMs ?? timeoutMsOf(device),
  })
  return {
    take: (request) => {
      const { device, message } = request
      guard.check(request)
      if (isOffline(deviceOf(device).base)) throw nodeOffline(device)
      // First, so that it waits for nothing that is noted of it. No report comes in the same turn.
      bus.publish(message)
      guard.sent(request)
      const life = begin(request)
      life.sent()
      makeRoom()
    },
    refuse: (request, error) => {
      const receipt = refusalOf(error)
      tell(commandOf(request), receipt)
      const { watcher } = request.sender
      if (watcher === undefined) throw error
      watcher.told(receipt)
      watcher.ended?.(receipt)
    },
    reported: (message) => {
      guard.reported(message)
      // Looked up before anything is decoded: most messages are no answers.
      lives.get(message.topic)?.reported(message.payload)
    },
    close: () => {
      for (const [device, life] of lives.entries()) {
        life.lose()
        lives.delete(device)
      }
    },
  }
}

function nodeOffline(device: string): HubError {
  return new HubError('node-offline', `expected the node of ${quote(device)} online, it is not`)
}

function refusalOf({ code, message }: HubError): Receipt {
  const receipt = code === 'node-offline' ? 'node-offline' : 'refused'
  return { receipt, code, message, afterMs: 0, final: true }
}
