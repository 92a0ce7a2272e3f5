import type { Sender } from '../access/sender.ts'
import { type ErrorCode, HubError } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import type { Admit } from './admission.ts'
import { shapeOf } from './clown-model.ts'
import type { Commands } from './commands/commands.ts'
import { commandedDevice } from './device.ts'

/**
 * The one way onto the bus. Answers the message to publish; undefined when there is nothing left to
 * do: a command goes out by `commands`, and what is dropped is dropped without a word.
 *
 * @throws HubError when it is refused.
 */
export type Ingress = (message: Message, sender: Sender) => Message | undefined

export interface IngressOptions {
  readonly admit: (...from: Parameters<Admit>) => Message | undefined
  readonly commands: Pick<Commands, 'take' | 'refuse'>
  /** Called with each report that goes on the bus, before it does. */
  reported(report: Message, sender: Sender): void
}

export function createIngress({ admit, commands, reported }: IngressOptions): Ingress {
  const takeCommand = (device: string, message: Message, sender: Sender) => {
    try {
      const admitted = admit(message, sender)
      if (admitted !== undefined) commands.take({ device, message: admitted, sender })
    } catch (error) {
      if (!isTold(error)) throw error
      commands.refuse({ device, message, sender }, error)
    }
  }
  return (message, sender) => {
    const device = commandedDevice(message.topic)
    if (device !== undefined) {
      takeCommand(device, message, sender)
      return undefined
    }
    const admitted = admit(message, sender)
    if (admitted !== undefined && shapeOf(message.topic) === 'report') reported(admitted, sender)
    return admitted
  }
}

/** Whoever has no right to a device, or names none, leaves no trace where others read of its commands. */
const untold: ReadonlySet<ErrorCode> = new Set(['forbidden', 'bad-topic', 'topic-too-big'])

function isTold(error: unknown): error is HubError {
  return error instanceof HubError && !untold.has(error.code)
}
